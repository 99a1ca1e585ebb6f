// The page of a model that draws: its controls, its history, and what moves between them.
"use strict";

(function (animekit) {
  const { config, say, faces, files } = animekit;
  const find = (id) => document.getElementById(id);
  const MANY = 48; // faces that the history keeps
  const SPEED = 110; // milliseconds of a frame that plays

  let state = {
    seed: "7", chance: null, draw: "random", noise: null, asked: {}, truncation: config.truncation,
    view: "face", grid: 16, to: null, frames: 12, frame: 0, path: "slerp", lang: animekit.preferred(),
  };
  let draw = null; // z, labels -> ImageData, as soon as the network is here
  let shown = null; // {face, made, truncation, image}: the face that is to be seen
  let cells = []; // those of the grid
  let frames = []; // those of the transition
  let chosen = -1; // the place in the history
  let turn = 0; // what a newer wish makes old stops
  let playing = 0;
  const history = [];

  const random = () => String(crypto.getRandomValues(new Uint32Array(1))[0] >>> 1);
  const faceOf = ({ seed, chance, noise, asked }) => ({ seed, chance, noise, asked: { ...asked } });
  const same = (a, b) => JSON.stringify(faceOf(a)) === JSON.stringify(faceOf(b));

  // drawing

  async function make(face, truncation = state.truncation) {
    const made = await faces.given(config, face);
    const image = await draw(faces.truncated(config, made.z, truncation), made.labels);
    return { face, made, truncation, image };
  }

  // Run one wish: the last one counts, and what fails is said.
  async function wish(work) {
    const mine = ++turn, began = performance.now();
    stop();
    tell("drawing");
    try {
      const words = await work(() => mine !== turn, began);
      if (mine === turn) tell(...words);
    } catch (error) {
      if (mine === turn) tell("failed", { reason: error.message }, true);
    }
    keep();
  }

  const drawFace = (face) =>
    wish(async (old, began) => {
      const made = await make(face);
      if (old()) return [];
      show(made);
      remember(made);
      return ["drawn", { ms: Math.round(performance.now() - began) }];
    });

  // Whatever is not fixed is drawn anew: the noise, or the open attributes alone.

  function newFace() {
    if (!draw) return;
    const open = config.attributes.some(({ name, kind }) => kind !== "code" && !(name in state.asked));
    if (state.draw === "random") Object.assign(state, { seed: random(), chance: null });
    else if (open) state.chance = random();
    else if (shown && state.view === "face" && same(shown.face, state)) return tell("same");
    state.view = "face";
    drawFace(faceOf(state));
  }

  const rest = () => new Promise((done) => setTimeout(done)); // the browser gets its turn

  function drawGrid(pick = 0) {
    if (!draw) return;
    state.view = "grid";
    const count = state.grid, across = Math.ceil(Math.sqrt(count)), first = BigInt(state.seed);
    wish(async (old, began) => {
      cells = [];
      for (let at = 0; at < count; at++) {
        const seed = String(first + BigInt(at));
        const made = await make({ seed, chance: null, noise: null, asked: { ...state.asked } });
        await rest();
        if (old()) return [];
        if (!at) canvasOf(find("picture"), across, Math.ceil(count / across));
        cells.push(made);
        place(find("picture"), made.image, at % across, Math.floor(at / across));
      }
      find("picture").classList.add("pick");
      find("strip").hidden = true;
      show(cells[pick], false);
      const rate = (1000 * count) / (performance.now() - began);
      return ["many", { count, rate: Number(rate.toPrecision(2)) }];
    });
  }

  function drawWalk() {
    if (!draw) return;
    state.view = "walk";
    state.to ??= { seed: random(), chance: null, noise: null, asked: { ...state.asked } };
    wish(async (old, began) => {
      const [from, to] = [faceOf(state), faceOf(state.to)];
      const ends = await Promise.all([faces.given(config, from), faces.given(config, to)]);
      const found = [];
      for (const each of faces.path(...ends, state.frames, state.path)) {
        const image = await draw(faces.truncated(config, Float32Array.from(each.z), state.truncation), Float32Array.from(each.labels));
        await rest();
        if (old()) return [];
        found.push(image);
      }
      frames = found;
      frames.ends = { faces: [from, to], made: ends, truncation: state.truncation, path: state.path };
      fill(find("frames"), frames, (at) => (stop(), frame(at)));
      Object.assign(find("frame"), { max: frames.length - 1 });
      show({ face: from, made: ends[0], truncation: state.truncation, image: frames[0] });
      find("strip").hidden = false;
      frame(Math.min(state.frame, frames.length - 1));
      paintEnds();
      const rate = (1000 * frames.length) / (performance.now() - began);
      return ["many", { count: frames.length, rate: Number(rate.toPrecision(2)) }];
    });
  }

  // showing

  function canvasOf(canvas, across = 1, down = 1) {
    [canvas.width, canvas.height] = [across * config.size, down * config.size];
    return canvas;
  }

  // The cell of the grid that is looked at, framed.
  function mark(at) {
    const { width, height } = find("picture"), across = width / config.size, down = height / config.size;
    find("mark").hidden = at < 0;
    Object.assign(find("mark").style, {
      left: `${(100 * (at % across)) / across}%`,
      top: `${(100 * Math.floor(at / across)) / down}%`,
      width: `${100 / across}%`,
      height: `${100 / down}%`,
    });
  }

  function place(canvas, image, x = 0, y = 0) {
    canvas.getContext("2d").putImageData(image, x * config.size, y * config.size);
  }

  function paint(image) {
    place(canvasOf(find("picture")), image);
    find("picture").classList.remove("pick");
    mark(-1);
  }

  function show(made, alone = true) {
    shown = made;
    if (alone) {
      cells = [];
      find("strip").hidden = true;
      paint(made.image);
    } else mark(cells.indexOf(made));
    caption();
    for (const id of ["save", "noise-picture", "noise-npy"]) find(id).disabled = false;
    paintEnds();
  }

  function describe({ face, made, truncation }) {
    const words = [face.noise ? say("fileCaption") : say("seedCaption", { seed: face.seed })];
    for (const { name, kind, values, titles } of config.attributes) {
      if (!(name in made.attrs) || made.attrs[name] === false) continue;
      for (const value of [made.attrs[name]].flat()) {
        const title = titles[values.indexOf(value)];
        words.push(animekit.title(name, kind === "yesno" ? "" : value, title));
      }
    }
    if (truncation !== 1) words.push(`${say("truncation")} ${truncation}`);
    return words.join(" · ");
  }

  function caption() {
    if (!shown) return;
    find("caption").textContent = describe(shown);
    find("picture").setAttribute("aria-label", describe(shown));
  }

  function tell(key, values = {}, bad = false) {
    if (!key) return;
    const status = find("status");
    delete status.dataset.say;
    status.textContent = say(key, values);
    status.classList.toggle("warn", bad);
  }

  // Thumbnails, each a button.
  function fill(box, images, choose, title = (at) => `${at + 1}`) {
    box.replaceChildren(
      ...images.map((image, at) => {
        const button = document.createElement("button"), canvas = canvasOf(document.createElement("canvas"));
        button.type = "button";
        button.title = title(at);
        place(canvas, image);
        button.append(canvas);
        button.onclick = () => choose(at);
        return button;
      }),
    );
  }

  const press = (box, at) => [...box.children].forEach((each, place) => each.setAttribute("aria-pressed", place === at));

  function remember(made) {
    const known = history.findIndex((each) => same(each.face, made.face) && each.truncation === made.truncation);
    if (known >= 0) history.splice(known, 1);
    history.unshift(made);
    history.length = Math.min(history.length, MANY);
    chosen = 0;
    list();
  }

  function list() {
    find("none").hidden = history.length > 0;
    find("chosen").hidden = chosen < 0;
    fill(find("history"), history.map((each) => each.image), choose, (at) => describe(history[at]));
    press(find("history"), chosen);
  }

  function choose(at) {
    stop();
    chosen = at;
    press(find("history"), at);
    find("chosen").hidden = false;
    state.view = "face";
    show(history[at]);
  }

  function frame(at) {
    state.frame = at;
    find("frame").value = at;
    paint(frames[at]);
    press(find("frames"), at);
    const [box, button] = [find("frames"), find("frames").children[at]];
    box.scrollLeft = button.offsetLeft - box.offsetLeft - box.clientWidth / 2;
  }

  function stop() {
    clearInterval(playing);
    playing = 0;
    find("play").textContent = say("play");
  }

  function play() {
    if (playing) return stop();
    if (!frames.length || find("strip").hidden) return;
    let step = 1;
    playing = setInterval(() => {
      if (state.frame + step < 0 || state.frame + step >= frames.length) step = -step;
      frame(state.frame + step);
    }, SPEED);
    find("play").textContent = say("pause");
  }

  async function paintEnds() {
    if (!draw) return;
    const ends = { from: faceOf(state), to: state.to && faceOf(state.to) };
    for (const [id, face] of Object.entries(ends)) {
      if (face) place(find(id), (await make(face)).image);
    }
  }

  // files

  async function savePicture() {
    if (!shown) return;
    const { face, made, truncation } = shown, seeds = (all) => all.map((each) => each.face);
    if (state.view === "grid" && cells.length) {
      const layout = { style: "plain", columns: Math.ceil(Math.sqrt(cells.length)) };
      const said = { truncation, layout };
      return write(`${config.name}-${cells[0].face.seed}-grid`, picture(), faces.recipe(config, seeds(cells), cells.map((each) => each.made), said));
    }
    if (state.view === "walk" && !find("strip").hidden) return saveWalk();
    const recipe = recipeOf([face], [made], { truncation });
    return write(`${config.name}-${face.noise ? "from-noise" : face.seed}`, shown.image, recipe);
  }

  function saveWalk() {
    const { ends } = frames, canvas = canvasOf(document.createElement("canvas"), frames.length);
    frames.forEach((image, at) => place(canvas, image, at));
    const layout = { style: "plain", columns: frames.length };
    const said = { mode: ends.path, truncation: ends.truncation, frames: frames.length, loop: false, layout };
    return write(`${config.name}-${ends.faces.map((face) => face.seed).join("-")}`, picture(canvas), recipeOf(ends.faces, ends.made, said));
  }

  const recipeOf = (all, made, said) =>
    all.some((face) => face.noise) ? faces.ofFiles(config, made, said) : faces.recipe(config, all, made, said);
  const picture = (canvas = find("picture")) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const write = async (name, image, recipe) => files.save(`${name}.png`, await files.png(image, recipe));
  const network = () => faces.truncated(config, shown.made.z, shown.truncation); // as CLI and .npy have it

  async function openNoise(file) {
    try {
      state.noise = await files.readNoise(file, config.z);
    } catch (error) {
      return tell(`error.${error.message}`, { count: config.z }, true);
    }
    Object.assign(state, { draw: "file", truncation: 1, view: "face" });
    for (const { name, kind } of config.attributes) if (kind === "code") delete state.asked[name];
    controls();
    await drawFace(faceOf(state));
    tell("noiseTaken", { name: file.name });
  }

  function keep() {
    globalThis.history.replaceState(null, "", faces.write(state));
  }

  async function copyLink() {
    keep();
    try {
      await navigator.clipboard.writeText(location.href);
      tell("copied");
    } catch {
      tell("address"); // no clipboard where the page is no secure one
    }
  }

  // controls

  // Off, random and on of a yes or no; a list of one of several.
  function attribute({ name, kind, values }) {
    const change = (value) => {
      if (value === undefined) delete state.asked[name];
      else state.asked[name] = value;
      redraw();
    };
    const title = Object.assign(document.createElement("span"), { textContent: animekit.name(name) });
    title.dataset.name = name;
    if (kind !== "yesno") {
      const label = document.createElement("label"), select = document.createElement("select");
      const option = (text, value) => new Option(text, value);
      select.append(option(say("random"), ""), ...values.map((value) => option(animekit.name(value), value)));
      select.options[0].dataset.say = "random";
      [...select.options].slice(1).forEach((each) => (each.dataset.name = each.value));
      select.value = state.asked[name] ?? "";
      select.onchange = () => change(values[select.selectedIndex - 1]);
      label.append(title, select);
      return label;
    }
    const group = document.createElement("div"), choice = document.createElement("span");
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", name);
    choice.className = "choice";
    for (const [key, value] of [["off", false], ["random", undefined], ["on", true]]) {
      const label = document.createElement("label"), input = document.createElement("input");
      const words = Object.assign(document.createElement("span"), { textContent: say(key) });
      Object.assign(input, { type: "radio", name: `is.${name}`, checked: state.asked[name] === value });
      input.onchange = () => change(value);
      words.dataset.say = key;
      label.append(input, words);
      choice.append(label);
    }
    group.append(title, choice);
    return group;
  }

  // The same view again, with the options of now.
  function redraw() {
    if (!draw) return;
    if (state.view === "grid") drawGrid();
    else if (state.view === "walk") drawWalk();
    else drawFace(faceOf(state));
  }

  function controls() {
    find("attributes").hidden = !config.attributes.length;
    find("named").replaceChildren(...config.attributes.map(attribute));
    for (const each of document.getElementsByName("draw")) {
      each.checked = each.value === state.draw;
      if (each.value === "file") each.disabled = !state.noise;
    }
    for (const each of document.getElementsByName("path")) each.checked = each.value === state.path;
    find("seed").value = state.seed;
    find("truncation").value = state.truncation;
    find("truncated").value = state.truncation;
    find("count").value = state.frames;
    find("counted").value = state.frames;
    find("grid").value = [...find("grid").options].some((each) => Number(each.value) === state.grid) ? state.grid : 16;
  }

  function speak() {
    animekit.speak(state.lang, { name: config.name });
    document.title = say("title", { name: config.name });
    find("language").textContent = state.lang === "zh" ? "English" : "中文";
    find("language").lang = state.lang === "zh" ? "en" : "zh-Hant";
    caption();
  }

  function take(made) {
    const { face, truncation } = made;
    Object.assign(state, faceOf(face), { truncation, draw: face.noise ? "file" : "fixed", view: "face" });
    controls();
    show(made);
    keep();
  }

  function restore() {
    state = faces.read(config, location.hash, state);
    speak();
    controls();
    if (!draw) return;
    const seed = new URLSearchParams(location.hash.slice(1)).has("seed");
    if (!seed && state.draw === "random") Object.assign(state, { seed: random(), chance: null });
    redraw();
    controls();
  }

  // the grid is left and right, up and down; the rest goes through history and frames
  function arrows(key) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (state.view === "grid" && cells.length) {
      const across = Math.ceil(Math.sqrt(cells.length));
      const by = step ?? { ArrowUp: -across, ArrowDown: across }[key];
      const at = cells.indexOf(shown) + (by ?? 0);
      if (key === "Enter") pickCell(cells.indexOf(shown));
      else if (by && cells[at]) show(cells[at], false);
      return by !== undefined || key === "Enter";
    }
    if (!step) return false;
    if (state.view === "walk" && frames.length) frame(Math.min(frames.length - 1, Math.max(0, state.frame + step)));
    else if (history[chosen + step]) choose(chosen + step);
    return true;
  }

  function pickCell(at) {
    const made = cells[at];
    if (!made) return;
    take(made);
    remember(made);
  }

  const KEYS = {
    n: newFace, g: () => drawGrid(), t: drawWalk, p: play, s: savePicture, l: copyLink,
    "?": () => find("keys").showModal(),
  };

  function listen() {
    const on = (id, event, act) => find(id).addEventListener(event, act);
    on("draw", "click", () => (newFace(), controls()));
    on("save", "click", savePicture);
    on("link", "click", copyLink);
    on("again", "click", () => take(history[chosen]));
    on("start", "click", () => take(history[chosen]));
    on("end", "click", () => ((state.to = faceOf(history[chosen].face)), keep(), paintEnds()));
    on("reset", "click", () => ((state.asked = {}), controls(), redraw()));
    on("noise-picture", "click", async () => files.save(`${config.name}-noise.png`, await files.png(files.noisePicture(network()))));
    on("noise-npy", "click", () => files.save(`${config.name}-noise.npy`, files.npy([network()], config.shape)));
    on("noise-open", "change", async ({ target }) => {
      if (target.files[0]) await openNoise(target.files[0]);
      target.value = "";
    });
    on("truncation", "input", ({ target }) => ((state.truncation = Number(target.value)), controls()));
    on("truncation", "change", redraw);
    on("count", "input", ({ target }) => ((state.frames = Number(target.value)), controls()));
    on("walk", "click", () => ((state.frame = 0), drawWalk()));
    on("frame", "input", ({ target }) => (stop(), frame(Number(target.value)), keep()));
    on("play", "click", play);
    on("grid", "change", ({ target }) => (state.grid = Number(target.value)));
    on("many", "click", () => {
      if (state.draw === "random") Object.assign(state, { seed: random(), chance: null });
      drawGrid();
      controls();
    });
    on("seed", "change", ({ target }) => {
      const seed = faces.seedOf(target.value.trim());
      if (seed !== null) Object.assign(state, { seed, chance: null, draw: "fixed", noise: null });
      controls();
      if (seed !== null) redraw();
    });
    for (const each of document.getElementsByName("draw")) each.onchange = () => ((state.draw = each.value), each.value !== "file" && (state.noise = null), controls(), keep());
    for (const each of document.getElementsByName("path")) each.onchange = () => ((state.path = each.value), state.view === "walk" && drawWalk());
    on("language", "click", () => ((state.lang = state.lang === "zh" ? "en" : "zh"), speak(), controls(), keep()));
    on("help", "click", KEYS["?"]);
    on("close", "click", () => find("keys").close());
    on("picture", "click", ({ target, offsetX, offsetY }) => {
      if (state.view !== "grid" || !cells.length) return;
      const across = target.width / config.size, down = target.height / config.size;
      pickCell(Math.floor((offsetY / target.clientHeight) * down) * across + Math.floor((offsetX / target.clientWidth) * across));
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, select, textarea, dialog");
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !draw) return;
      const act = KEYS[event.key.toLowerCase()];
      if (act) act();
      if (act || (event.target.tagName !== "BUTTON" && arrows(event.key))) event.preventDefault();
      if (act) controls();
    });
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0] && draw) openNoise(event.dataTransfer.files[0]);
    });
    addEventListener("hashchange", restore);
  }

  animekit.begin = async function () {
    listen();
    restore();
    try {
      draw = await animekit[config.draws](config);
    } catch (error) {
      return tell("failed", { reason: error.message }, true);
    }
    for (const id of ["draw", "walk", "many"]) find(id).disabled = false;
    restore();
  };

  animekit.state = () => state; // for tests
  addEventListener("load", animekit.begin); // the network's scripts come last
})((globalThis.animekit ??= {}));

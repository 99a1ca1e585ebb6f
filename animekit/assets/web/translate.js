// The page of a model that translates: a picture in, what it becomes beside it.
"use strict";

(function (animekit) {
  const { config, say } = animekit;
  const find = (id) => document.getElementById(id);
  const LONGEST = 1024; // pixels of a side that are sent

  const asked = {}; // attributes that are set; the others stay as they are
  let to = config.directions[0];
  let picture = null; // what was opened, as a PNG
  let turn = 0;
  let lang = animekit.preferred();

  async function open(file) {
    try {
      const image = await createImageBitmap(file);
      const factor = Math.min(1, LONGEST / Math.max(image.width, image.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(image.width * factor));
      canvas.height = Math.max(1, Math.round(image.height * factor));
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      picture = await new Promise((done) => canvas.toBlob(done, "image/png"));
    } catch {
      return tell("unread", {}, true);
    }
    find("before").src = URL.createObjectURL(picture);
    await translate();
  }

  function address() {
    const words = new URLSearchParams(to ? { to } : {});
    for (const [name, value] of Object.entries(asked)) words.set(`is.${name}`, value === true ? 1 : value || 0);
    return `translate?${words}`;
  }

  async function translate() {
    if (!picture) return;
    const mine = ++turn, began = performance.now();
    tell("drawing");
    try {
      const answer = await fetch(address(), { method: "POST", body: picture });
      if (!answer.ok) throw new Error((await answer.text()).trim());
      const made = await answer.blob();
      if (mine !== turn) return;
      find("after").src = URL.createObjectURL(made);
      await find("after").decode();
      for (const id of ["pair", "slide"]) find(id).hidden = false;
      find("empty").hidden = true;
      find("save").disabled = false;
      tell("drawn", { ms: Math.round(performance.now() - began) });
    } catch (error) {
      if (mine === turn) tell("failed", { reason: error.message }, true);
    }
  }

  function tell(key, values, bad = false) {
    find("status").textContent = say(key, values);
    find("status").classList.toggle("warn", bad);
  }

  function radio(name, text, checked, change) {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, { type: "radio", name, checked, onchange: change });
    label.append(input, ` ${text}`);
    return label;
  }

  function attribute({ name, kind, values, titles }) {
    const title = Object.assign(document.createElement("span"), { textContent: animekit.name(name) });
    const change = (value) => {
      if (value === undefined) delete asked[name];
      else asked[name] = value;
      translate();
    };
    if (kind === "choice") {
      const label = document.createElement("label"), select = document.createElement("select");
      select.append(new Option(say("keep"), ""), ...values.map((value) => new Option(animekit.name(value), value)));
      select.value = asked[name] ?? "";
      select.onchange = () => change(values[select.selectedIndex - 1]);
      label.append(title, select);
      return label;
    }
    const group = document.createElement("div"), choice = document.createElement("span");
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", titles.at(-1));
    choice.className = "choice";
    for (const [key, value] of [["off", false], ["keep", undefined], ["on", true]]) {
      choice.append(radio(`is.${name}`, say(key), asked[name] === value, () => change(value)));
    }
    group.append(title, choice);
    return group;
  }

  function speak() {
    animekit.speak(lang, { name: config.name });
    document.title = say("title", { name: config.name });
    find("language").textContent = lang === "zh" ? "English" : "中文";
    find("language").lang = lang === "zh" ? "en" : "zh-Hant";
    find("directions").hidden = !config.directions.length;
    find("to").replaceChildren(
      ...config.directions.map((name) => radio("to", name, name === to, () => ((to = name), translate()))),
    );
    find("attributes").hidden = !config.attributes.length;
    find("named").replaceChildren(...config.attributes.map(attribute));
  }

  const share = () => find("pair").style.setProperty("--x", `${find("share").value}%`);

  find("open").onchange = ({ target }) => target.files[0] && open(target.files[0]);
  find("share").oninput = share;
  find("save").onclick = () => {
    const link = Object.assign(document.createElement("a"), { href: find("after").src, download: `${config.name}.png` });
    link.click();
  };
  find("language").onclick = () => ((lang = lang === "zh" ? "en" : "zh"), speak());
  document.addEventListener("dragover", (event) => (event.preventDefault(), find("drop").classList.add("over")));
  document.addEventListener("dragleave", () => find("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    find("drop").classList.remove("over");
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => event.clipboardData.files[0] && open(event.clipboardData.files[0]));
  share();
  speak();
})((globalThis.animekit ??= {}));

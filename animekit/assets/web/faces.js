// Faces: what is asked for, turned into what a model is given; recipes; the state in a link.
"use strict";

(function (animekit) {
  const { fround } = Math;
  const LIMIT = 2n ** 63n;

  // A face is {seed, chance, noise, asked}: noise [D] only where it is from a file, else the seed
  // draws it; chance is a seed of the open attributes alone, where they have another.
  async function given(config, face) {
    const z = Float32Array.from(face.noise ?? (await animekit.draws(config, face.seed)));
    const labels = animekit.labels(config, face.asked, face.chance ?? face.seed);
    const attrs = animekit.said(config, labels);
    for (const { name, kind, start, values } of config.attributes) {
      if (kind !== "code" || !(name in face.asked)) continue;
      values.forEach((value, at) => (z[start + at] = Number(value === face.asked[name])));
      attrs[name] = face.asked[name];
    }
    return { z, labels, attrs };
  }

  animekit.draws = async (config, seed) =>
    config.noise ? animekit.noise(config.noise, seed) : animekit.askedNoise(seed);

  // z times the truncation; categorical codes stay as they are
  function truncated(config, z, truncation) {
    const plain = z.length - config.codes, factor = fround(truncation);
    return z.map((value, at) => (at < plain ? value * factor : value));
  }

  const lerp = (a, b, t) => a.map((value, at) => value + (b[at] - value) * t);

  // Along the great circle, as animekit.generation.interpolation.slerp
  function slerp(a, b, t) {
    const dot = (x, y) => x.reduce((sum, value, at) => sum + value * y[at], 0);
    const length = (x) => Math.sqrt(dot(x, x));
    const first = length([...a]), last = length([...b]);
    if (!first || !last) return lerp(a, b, t);
    const start = [...a].map((value) => value / first), end = [...b].map((value) => value / last);
    const along = dot(end, start);
    let side = end.map((value, at) => value - along * start[at]);
    const angle = Math.atan2(length(side), along);
    if (length(side) < 1e-9) {
      const sizes = start.map(Math.abs), place = sizes.indexOf(Math.min(...sizes));
      side = start.map((value, at) => -start[place] * value + Number(at === place));
    }
    const rest = dot(side, start);
    side = side.map((value, at) => value - rest * start[at]);
    const size = Math.max(length(side), Number.MIN_VALUE), radius = first + (last - first) * t;
    const [x, y] = [Math.cos(t * angle), Math.sin(t * angle)];
    return a.map((_, at) => radius * (x * start[at] + (y * side[at]) / size));
  }

  // [{z, labels}] from one face to another, both ends included
  function path(from, to, frames, how) {
    const between = how === "lerp" ? lerp : slerp, steps = frames - 1;
    return Array.from({ length: frames }, (_, at) => {
      if (at === 0 || at === steps) return at ? to : from;
      return { z: between(from.z, to.z, at / steps), labels: lerp(from.labels, to.labels, at / steps) };
    });
  }

  // What `animekit generate --reproduce` needs to draw the picture again.
  function recipe(config, faces, made, values) {
    const attrs = made.map((each) => each.attrs);
    return {
      version: config.version,
      model: config.model,
      mode: "seeds",
      seeds: faces.map((face) => face.seed).join(","),
      ...(config.attributes.length && attrs.some((each) => Object.keys(each).length) ? { attrs } : {}),
      ...values,
    };
  }

  // The same of noise from files, which the recipe holds itself.
  function ofFiles(config, made, values) {
    const { seeds, ...rest } = recipe(config, [], made, { mode: "noise", ...values });
    const numbers = Float32Array.from(made.flatMap((each) => [...each.z])), { little, sha256 } = animekit.files;
    const noise = { sha256: sha256(little(numbers)), values: btoa(String.fromCharCode(...little(numbers))) };
    return { ...rest, noise: { ...noise, shape: [made.length, ...config.shape] } };
  }

  // The state of the page as the end of its address, and back; what is not sound is left out.
  const seedOf = (text) => (/^\d{1,19}$/.test(text ?? "") && BigInt(text) < LIMIT ? String(BigInt(text)) : null);

  function write(state) {
    const found = new URLSearchParams({ seed: state.seed, draw: state.draw, truncation: state.truncation });
    const face = ({ seed, chance, noise, asked }, before) => {
      if (before) found.set(`${before}seed`, seed);
      if (chance) found.set(`${before}chance`, chance);
      if (noise) found.set(`${before}z`, animekit.files.base64(noise));
      for (const [name, value] of Object.entries(asked)) {
        found.set(`${before}is.${name}`, typeof value === "boolean" ? Number(value) : value);
      }
    };
    face(state, "");
    if (state.view === "grid") found.set("grid", state.grid);
    if (state.to) {
      face(state.to, "to.");
      for (const name of ["frames", "path", "frame"]) found.set(name, state[name]);
    }
    if (state.view === "walk") found.set("view", "walk");
    found.set("lang", state.lang);
    return `#${found}`;
  }

  function read(config, hash, state) {
    const words = new URLSearchParams(hash.replace(/^#/, ""));
    const number = (name, least, most, other) => {
      const value = Number(words.get(name) ?? NaN);
      return value >= least && value <= most ? value : other;
    };
    const one = (name, known, other) => (known.includes(words.get(name)) ? words.get(name) : other);
    const face = (before, other) => {
      const asked = {};
      for (const { name, values } of config.attributes) {
        const said = words.get(`${before}is.${name}`);
        const found = values.find((value) => String(typeof value === "boolean" ? Number(value) : value) === said);
        if (said !== null && found !== undefined) asked[name] = found;
      }
      let noise = null;
      try {
        noise = words.has(`${before}z`) ? animekit.files.unbase64(words.get(`${before}z`)) : null;
      } catch {} // not base64
      const fits = noise?.length === config.z && noise.every(Number.isFinite);
      const seed = seedOf(words.get(`${before}seed`)) ?? other;
      return { seed, chance: seedOf(words.get(`${before}chance`)), noise: fits ? noise : null, asked };
    };
    const found = { ...state, ...face("", state.seed) };
    found.draw = one("draw", ["random", "fixed", "file"], words.has("seed") ? "fixed" : state.draw);
    if (!found.noise && found.draw === "file") found.draw = "fixed";
    if (found.draw !== "file") found.noise = null;
    found.truncation = number("truncation", 0.05, 2, state.truncation);
    found.grid = Math.round(number("grid", 2, 64, state.grid));
    found.to = words.has("to.seed") ? face("to.", "0") : null;
    found.frames = Math.round(number("frames", 3, 60, state.frames));
    found.frame = Math.round(number("frame", 0, found.frames - 1, 0));
    found.path = one("path", ["slerp", "lerp"], state.path);
    found.view = words.has("grid") ? "grid" : found.to && words.get("view") === "walk" ? "walk" : "face";
    found.lang = one("lang", ["en", "zh"], state.lang);
    return found;
  }

  animekit.faces = { given, truncated, slerp, lerp, path, recipe, ofFiles, write, read, seedOf };
})((globalThis.animekit ??= {}));

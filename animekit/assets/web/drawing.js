// Drawing: noise and labels to pixels, by onnxruntime-web in this page or by animekit behind it.
"use strict";

(function (animekit) {
  const AT_ONCE = 8; // faces of a request
  animekit.atOnce = AT_ONCE;

  // Files that stand beside the page in scripts, so that they open from a disk too: gzip as base64.
  async function part(name) {
    const packed = Uint8Array.from(atob(animekit.parts[name]), (letter) => letter.charCodeAt(0));
    delete animekit.parts[name];
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function session(name) {
    const { env, InferenceSession } = globalThis.ort;
    env.wasm.numThreads = 1; // more would need headers that few static hosts send
    if (!env.wasm.wasmBinary) {
      const glue = new Blob([await part("glue")], { type: "text/javascript" });
      env.wasm.wasmPaths = { mjs: URL.createObjectURL(glue) };
      env.wasm.wasmBinary = (await part("wasm")).buffer;
    }
    return InferenceSession.create(await part(name), { executionProviders: ["wasm"] });
  }

  // [3 or 1, H, W] in [-1, 1] to RGBA: halves are rounded up, as animekit does it
  function pixels(values, width, height) {
    const count = width * height, grey = values.length === count;
    const found = new Uint8ClampedArray(4 * count).fill(255);
    for (let at = 0; at < count; at++) {
      for (let channel = 0; channel < 3; channel++) {
        const value = Math.min(1, Math.max(-1, values[grey ? at : channel * count + at]));
        found[4 * at + channel] = Math.floor(Math.fround(Math.fround(Math.fround(value + 1) * 127.5) + 0.5));
      }
    }
    return new ImageData(found, width, height);
  }

  // What draws behind the page, on the computer that serves it: as many faces at once as wait.
  animekit.there = async function (config) {
    const waiting = [], side = 4 * config.size * config.size;
    let busy = false;
    async function send() {
      if (busy || !waiting.length) return;
      busy = true;
      const some = waiting.splice(0, AT_ONCE);
      try {
        const body = Float32Array.from(some.flatMap(({ z, labels }) => [...z, ...labels]));
        const found = await (await asked("draw", { method: "POST", body })).arrayBuffer();
        some.forEach(({ done }, at) => done(new ImageData(new Uint8ClampedArray(found, at * side, side), config.size)));
      } catch (error) {
        some.forEach(({ fail }) => fail(error));
      }
      busy = false;
      send();
    }
    return (z, labels) =>
      new Promise((done, fail) => {
        waiting.push({ z, labels, done, fail });
        setTimeout(send);
      });
  };

  async function asked(address, how) {
    const answer = await fetch(address, how);
    if (!answer.ok) throw new Error((await answer.text()).trim());
    return answer;
  }

  // z of a seed, where the page itself cannot draw it
  animekit.askedNoise = async (seed) => new Float32Array(await (await asked(`noise?seed=${seed}`)).arrayBuffer());

  // What draws in the page: z [D], labels [L] -> ImageData, one after the other
  animekit.here = async function (config) {
    const network = await session("model");
    async function one(z, labels) {
      const given = { z: new ort.Tensor("float32", z, [1, ...config.shape]) };
      if (network.inputNames.includes("labels")) {
        given.labels = new ort.Tensor("float32", labels, [1, labels.length]);
      }
      const { data, dims } = Object.values(await network.run(given))[0];
      return pixels(data, dims[3], dims[2]);
    }
    let last = Promise.resolve();
    return (z, labels) => (last = last.catch(() => {}).then(() => one(z, labels)));
  };
})((globalThis.animekit ??= {}));

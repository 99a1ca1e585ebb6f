// Labels: what a seed draws for attributes that are left open, as animekit draws it with NumPy.
"use strict";

(function (animekit) {
  const IV = [
    0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
    0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
  ];
  const ORDER = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
  ];
  const u64 = (value) => BigInt.asUintN(64, value);
  const turned = (value, by) => u64((value >> by) | (value << (64n - by)));

  // BLAKE2b (RFC 7693) of a short text, 8 bytes long: one block is enough
  function blake2b(text) {
    const block = new Uint8Array(128), length = text.length;
    block.set(new TextEncoder().encode(text));
    const view = new DataView(block.buffer);
    const m = Array.from({ length: 16 }, (_, at) => view.getBigUint64(8 * at, true));
    const h = [...IV];
    h[0] ^= 0x01010000n ^ 8n;
    const v = [...h, ...IV];
    v[12] ^= BigInt(length);
    v[14] ^= 0xffffffffffffffffn; // the last block
    const mix = (a, b, c, d, x, y) => {
      v[a] = u64(v[a] + v[b] + x);
      v[d] = turned(v[d] ^ v[a], 32n);
      v[c] = u64(v[c] + v[d]);
      v[b] = turned(v[b] ^ v[c], 24n);
      v[a] = u64(v[a] + v[b] + y);
      v[d] = turned(v[d] ^ v[a], 16n);
      v[c] = u64(v[c] + v[d]);
      v[b] = turned(v[b] ^ v[c], 63n);
    };
    for (let round = 0; round < 12; round++) {
      const s = ORDER[round % 10].map((place) => m[place]);
      for (let at = 0; at < 4; at++) mix(at, at + 4, at + 8, at + 12, s[2 * at], s[2 * at + 1]);
      for (let at = 0; at < 4; at++) {
        mix(at, 4 + ((at + 1) % 4), 8 + ((at + 2) % 4), 12 + ((at + 3) % 4), s[8 + 2 * at], s[9 + 2 * at]);
      }
    }
    return h[0] ^ v[0] ^ v[8];
  }

  // numpy.random.SeedSequence: 8 words of 32 bits from a number of up to 64
  function words(seed) {
    const xor = (value) => (value ^ (value >>> 16)) >>> 0;
    let constant = 0x43b0d7e5;
    const hashed = (value) => {
      value ^= constant;
      constant = Math.imul(constant, 0x931e8875);
      return xor(Math.imul(value, constant));
    };
    const pool = [Number(seed & 0xffffffffn), Number(seed >> 32n), 0, 0].map(hashed);
    for (let from = 0; from < 4; from++) {
      for (let to = 0; to < 4; to++) {
        if (from === to) continue;
        const other = hashed(pool[from]);
        pool[to] = xor(Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, other));
      }
    }
    constant = 0x8b51f9dd;
    return Array.from({ length: 8 }, (_, at) => {
      let value = pool[at % 4] ^ constant;
      constant = Math.imul(constant, 0x58f38ded);
      return xor(Math.imul(value, constant));
    });
  }

  // numpy.random.default_rng(seed).random(): the first number of PCG64
  function fraction(seed) {
    const w = words(seed).map(BigInt), u128 = (value) => BigInt.asUintN(128, value);
    const [a, b, c, d] = [0, 2, 4, 6].map((at) => w[at] | (w[at + 1] << 32n));
    const step = u128((((c << 64n) | d) << 1n) | 1n);
    const next = (state) => u128(state * 0x2360ed051fc65da44385df649fccf645n + step);
    const state = next(next(step + ((a << 64n) | b)));
    const drawn = turned(u64(state >> 64n) ^ u64(state), state >> 122n);
    return Number(drawn >> 11n) / 2 ** 53;
  }

  const drawn = (seed, place) => fraction(blake2b(`(${seed}, 'label', ${place})`) >> 1n);

  // What a model is given: all labels, of which `asked` says some: {hair: "blue", smile: true}.
  // config.attributes: [{name, kind, start, values, odds}], those of labels in their order.
  animekit.labels = function (config, asked, seed) {
    const known = config.attributes.filter((each) => each.kind !== "code");
    const labels = new Float32Array(config.labels), said = new Uint8Array(config.labels);
    for (const { name, kind, start, values } of known) {
      if (!(name in asked)) continue;
      const wanted = [asked[name]].flat();
      const width = kind === "choice" ? values.length : 1;
      for (let at = 0; at < width; at++) {
        labels[start + at] = Number(kind === "choice" ? wanted.includes(values[at]) : wanted[0]);
        said[start + at] = 1;
        if (labels[start + at]) (config.rivals[start + at] ?? []).forEach((other) => (said[other] = 1));
      }
    }
    known.forEach(({ kind, start, values, odds }, place) => {
      if (said[start]) return;
      const share = drawn(seed, place);
      if (kind === "choice") labels[start + odds.filter((each) => each <= share).length] = 1;
      else labels[start] = Number(share < odds[0]);
    });
    return labels;
  };

  // The attributes that labels say, as a recipe holds them.
  animekit.said = function (config, labels) {
    const found = {};
    for (const { name, kind, start, values } of config.attributes) {
      if (kind === "yesno") found[name] = labels[start] > 0;
      if (kind !== "choice") continue;
      const on = values.filter((_, at) => labels[start + at] > 0);
      found[name] = on.length === 1 ? on[0] : on;
    }
    return found;
  };
})((globalThis.animekit ??= {}));

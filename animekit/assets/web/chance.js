// Chance: the noise that torch draws on a CPU from a seed, number for number.
"use strict";

(function (animekit) {
  const { fround, PI } = Math;

  // The Mersenne Twister with the draws of at::CPUGeneratorImpl (torch 2.x).
  class Generator {
    constructor(seed) {
      this.state = new Uint32Array(624);
      this.state[0] = Number(BigInt.asUintN(32, BigInt(seed))); // torch takes the low half
      for (let at = 1; at < 624; at++) {
        const before = this.state[at - 1];
        this.state[at] = Math.imul(1812433253, before ^ (before >>> 30)) + at;
      }
      this.at = 624;
      this.kept = null; // the second normal number of a pair
    }

    random() {
      if (this.at === 624) this.turn();
      let y = this.state[this.at++];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      return (y ^ (y >>> 18)) >>> 0;
    }

    turn() {
      const s = this.state;
      for (let at = 0; at < 624; at++) {
        const y = (s[at] & 0x80000000) | (s[(at + 1) % 624] & 0x7fffffff);
        s[at] = s[(at + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      this.at = 0;
    }

    uniform() {
      return (this.random() & 0xffffff) / 0x1000000; // float32 has 24 bits
    }

    double() {
      const high = this.random() & 0x1fffff, low = this.random();
      return (high * 0x100000000 + low) / 2 ** 53;
    }

    normal() {
      if (this.kept !== null) {
        const kept = this.kept;
        this.kept = null;
        return kept;
      }
      const first = this.double(), second = this.double();
      const radius = Math.sqrt(-2 * Math.log1p(-second)), angle = 2 * PI * first;
      this.kept = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    }

    // torch.randn(1, count): from 16 numbers on in blocks of 16, of which the last may overlap
    normals(count) {
      if (count < 16) return Float32Array.from({ length: count }, () => this.normal());
      const found = Float32Array.from({ length: count }, () => this.uniform());
      for (let at = 0; at + 16 <= count; at += 16) pairs(found.subarray(at, at + 16));
      if (count % 16) {
        const last = found.subarray(count - 16);
        for (let at = 0; at < 16; at++) last[at] = this.uniform();
        pairs(last);
      }
      return found;
    }
  }

  function pairs(block) {
    for (let at = 0; at < 8; at++) {
      const first = fround(1 - block[at]), angle = fround(fround(2 * PI) * block[at + 8]);
      const radius = fround(Math.sqrt(fround(-2 * fround(Math.log(first)))));
      block[at] = radius * fround(Math.cos(angle));
      block[at + 8] = radius * fround(Math.sin(angle));
    }
  }

  const DRAWS = {
    normal: (chance, count) => chance.normals(count),
    uniform: (chance, count) => Float32Array.from({ length: count }, () => 2 * chance.uniform() - 1),
    sphere(chance, count) {
      const z = chance.normals(count);
      const length = fround(Math.sqrt(z.reduce((sum, each) => sum + each * each, 0)));
      return z.map((each) => fround(each / Math.max(length, 1e-12)) * fround(Math.sqrt(count)));
    },
    choice(chance, count) {
      const found = new Float32Array(count);
      found[chance.random() % count] = 1;
      return found;
    },
  };

  // steps: [["normal", 100, 1.0], ...], as config.json has them: kind, numbers, factor
  animekit.noise = function (steps, seed) {
    const chance = new Generator(seed);
    return Float32Array.from(
      steps.flatMap(([kind, count, factor]) => [...DRAWS[kind](chance, count).map((each) => each * factor)]),
    );
  };
})((globalThis.animekit ??= {}));

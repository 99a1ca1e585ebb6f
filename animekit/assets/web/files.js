// Files: PNG with text in it, .npy, and noise as a picture; made and read here, nothing is sent.
"use strict";

(function (animekit) {
  const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
  });
  const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
  const MOST = 16 * 1024 * 1024; // bytes of a file that is read

  const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const ascii = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

  function crc(bytes) {
    let sum = 0xffffffff;
    for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
    return (sum ^ 0xffffffff) >>> 0;
  }

  function word(value) {
    return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
  }

  function chunk(kind, data) {
    const body = new Uint8Array(4 + data.length);
    body.set(ascii(kind));
    body.set(data, 4);
    return [Uint8Array.from(word(data.length)), body, Uint8Array.from(word(crc(body)))];
  }

  async function deflated(bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  // An ImageData as PNG; `recipe` is what animekit generate --reproduce reads.
  async function png(image, recipe) {
    const { width, height, data } = image, lines = new Uint8Array(height * (3 * width + 1));
    for (let y = 0, to = 0; y < height; y++) {
      to++; // the filter of a line: none
      for (let x = 0; x < width; x++) {
        for (let channel = 0; channel < 3; channel++) lines[to++] = data[4 * (y * width + x) + channel];
      }
    }
    const head = chunk("IHDR", Uint8Array.from([...word(width), ...word(height), 8, 2, 0, 0, 0]));
    const text = recipe ? chunk("tEXt", ascii(`animekit\0${plain(JSON.stringify(recipe))}`)) : [];
    const rest = [...chunk("IDAT", await deflated(lines)), ...chunk("IEND", [])];
    return new Blob([Uint8Array.from(SIGNATURE), ...head, ...text, ...rest], { type: "image/png" });
  }

  function plain(json) {
    return json.replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
  }

  // Rows of z [N][D] as NumPy writes them.
  function npy(rows, shape) {
    const sides = [rows.length, ...shape].join(", ") + (shape.length ? "" : ",");
    const said = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sides}), }`;
    const head = said.padEnd(64 * Math.ceil((said.length + 11) / 64) - 11) + "\n";
    const size = Uint8Array.from([head.length & 255, head.length >> 8]);
    return new Blob([ascii("\x93NUMPY\x01\x00"), size, ascii(head), ...rows.map(little)]);
  }

  function little(z) {
    const view = new DataView(new ArrayBuffer(4 * z.length));
    z.forEach((value, at) => view.setFloat32(4 * at, value, true));
    return new Uint8Array(view.buffer);
  }

  function floats(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Float32Array.from({ length: bytes.length >> 2 }, (_, at) => view.getFloat32(4 * at, true));
  }

  // The first row of a .npy file, as long as the model's z; an Error says what is wrong.
  function readNpy(bytes, count) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const wide = bytes[6] > 1, start = (wide ? 12 : 10) + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
    const head = new TextDecoder().decode(bytes.subarray(10, start));
    const kind = /'descr': *'([<|=])(f[248])'/.exec(head)?.[2];
    const shape = /'shape': *\(([\d, ]*)\)/.exec(head)?.[1].split(",").filter((each) => each.trim()).map(Number);
    if (!kind || kind === "f2" || !shape || head.includes("'fortran_order': True")) throw new Error("npy");
    const row = shape.length > 1 ? shape.slice(1).reduce((a, b) => a * b, 1) : shape[0];
    if (row !== count) throw new Error("count");
    const size = kind === "f4" ? 4 : 8;
    if (bytes.length < start + size * count) throw new Error("npy");
    const read = (at) => (size === 4 ? view.getFloat32(start + 4 * at, true) : view.getFloat64(start + 8 * at, true));
    return Float32Array.from({ length: count }, (_, at) => read(at));
  }

  // Noise as a picture. Each number is a square of CELL pixels, red and blue for below and above
  // zero: that is in the high 4 bits of each channel. In the low ones of the four pixels of its
  // corner, which repeat over the square, stand the 32 bits of the number and 16 of a checksum.
  const CELL = 8;

  const columns = (count) => Math.ceil(Math.sqrt(count));

  function nibbles(value) {
    const bytes = little([value]), sum = crc(bytes) & 0xffff;
    const all = [...bytes, sum & 255, sum >> 8];
    return all.flatMap((byte) => [byte >> 4, byte & 15]); // 12: 4 pixels of 3 channels
  }

  function colour(value) {
    const share = Math.min(1, Math.abs(value) / 3), far = Math.round(15 - 11 * share);
    return value < 0 ? [15, far, far] : [far, far, 15];
  }

  function noisePicture(z) {
    const across = columns(z.length), down = Math.ceil(z.length / across);
    const image = new ImageData(across * CELL, down * CELL);
    image.data.fill(255);
    z.forEach((value, place) => {
      const low = nibbles(value), high = colour(value);
      for (let at = 0; at < CELL * CELL; at++) {
        const x = at % CELL, y = Math.floor(at / CELL), pixel = 2 * (y % 2) + (x % 2);
        const row = Math.floor(place / across) * CELL + y, column = (place % across) * CELL + x;
        for (let channel = 0; channel < 3; channel++) {
          image.data[4 * (row * image.width + column) + channel] = high[channel] * 16 + low[3 * pixel + channel];
        }
      }
    });
    return image;
  }

  function readNoisePicture(image, count) {
    const across = columns(count);
    if (image.width !== across * CELL || image.height !== Math.ceil(count / across) * CELL) throw new Error("picture");
    return Float32Array.from({ length: count }, (_, place) => {
      const top = Math.floor(place / across) * CELL, left = (place % across) * CELL, low = [];
      for (let pixel = 0; pixel < 4; pixel++) {
        const at = 4 * ((top + (pixel >> 1)) * image.width + left + (pixel & 1));
        for (let channel = 0; channel < 3; channel++) low.push(image.data[at + channel] & 15);
      }
      const bytes = Uint8Array.from({ length: 6 }, (_, at) => low[2 * at] * 16 + low[2 * at + 1]);
      if ((bytes[4] | (bytes[5] << 8)) !== (crc(bytes.subarray(0, 4)) & 0xffff)) throw new Error("changed");
      return floats(bytes.subarray(0, 4))[0];
    });
  }

  async function imageOf(blob) {
    const picture = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  // z of `count` numbers out of a file that a person chose: .npy, or noise as a picture.
  async function readNoise(file, count) {
    if (file.size > MOST) throw new Error("large");
    const bytes = new Uint8Array(await file.arrayBuffer());
    let z;
    if (bytes[0] === 0x93 && new TextDecoder().decode(bytes.subarray(1, 6)) === "NUMPY") z = readNpy(bytes, count);
    else if (SIGNATURE.every((byte, at) => bytes[at] === byte)) z = readNoisePicture(await imageOf(file), count);
    else throw new Error("kind");
    if (!z.every(Number.isFinite)) throw new Error("npy");
    return z;
  }

  // SHA-256 (FIPS 180-4); crypto.subtle is missing on plain http
  const PRIMES = [];
  for (let number = 2; PRIMES.length < 64; number++) if (PRIMES.every((each) => number % each)) PRIMES.push(number);
  const fraction = (value) => ((value - Math.floor(value)) * 2 ** 32) | 0;
  const K = PRIMES.map((each) => fraction(Math.cbrt(each)));

  function sha256(bytes) {
    const padded = new Uint8Array(64 * Math.ceil((bytes.length + 9) / 64)), view = new DataView(padded.buffer);
    padded.set(bytes);
    padded[bytes.length] = 128;
    view.setUint32(padded.length - 4, 8 * bytes.length);
    const turn = (value, by) => (value >>> by) | (value << (32 - by)), sum = PRIMES.slice(0, 8).map((each) => fraction(Math.sqrt(each)));
    const w = new Int32Array(64);
    for (let start = 0; start < padded.length; start += 64) {
      for (let at = 0; at < 64; at++) {
        if (at < 16) w[at] = view.getInt32(start + 4 * at);
        else {
          const x = w[at - 15], y = w[at - 2];
          w[at] = w[at - 16] + w[at - 7] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
        }
      }
      let [a, b, c, d, e, f, g, h] = sum;
      for (let at = 0; at < 64; at++) {
        const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[at] + w[at]) | 0;
        const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [a, b, c, d, e, f, g, h] = [(one + two) | 0, a, b, c, (d + one) | 0, e, f, g];
      }
      [a, b, c, d, e, f, g, h].forEach((value, at) => (sum[at] = (sum[at] + value) | 0));
    }
    return sum.map((value) => (value >>> 0).toString(16).padStart(8, "0")).join("");
  }

  function save(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  const base64 = (z) => btoa(String.fromCharCode(...little(z))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const unbase64 = (text) => floats(ascii(atob(text.replaceAll("-", "+").replaceAll("_", "/"))));

  animekit.files = {
    png, npy, noisePicture, readNoise, readNpy, readNoisePicture, sha256, save, base64, unbase64, little, joined,
  };
})((globalThis.animekit ??= {}));

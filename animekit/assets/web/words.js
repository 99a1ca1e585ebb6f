// Words: what the page says, in English and in Traditional Chinese.
"use strict";

(function (animekit) {
  const EN = {
    title: "Play with {name}",
    about: "Faces are drawn by this browser. Nothing that you do here leaves it.",
    aboutServer: "Faces are drawn by animekit on your own computer. Nothing leaves it.",
    wait: "Getting ready …",
    drawing: "Drawing …",
    drawn: "Drawn in {ms} ms.",
    many: "{count} faces, {rate} a second.",
    failed: "It cannot draw: {reason}",
    draw: "New face",
    redraw: "Draw",
    save: "Save picture",
    link: "Copy link",
    copied: "The link is copied: it holds all options.",
    address: "Copy the address of this page: it holds all options.",
    history: "History",
    again: "Take these options again",
    fromHere: "Start here",
    toHere: "End here",
    none: "Faces that you drew appear here.",
    options: "Options",
    attributes: "Attributes",
    off: "Off",
    random: "Random",
    on: "On",
    reset: "All random",
    noise: "Noise",
    each: "New each time",
    fixed: "Fixed",
    file: "From a file",
    seed: "Seed",
    noisePicture: "Save as picture",
    noiseNpy: "Save as .npy",
    noiseOpen: "Open a file",
    noiseTaken: "The noise of {name} is taken.",
    truncation: "Truncation",
    truncationHelp: "Less is plainer and surer, more is odder.",
    walk: "Transition",
    from: "from",
    to: "to",
    frames: "Frames",
    path: "Path",
    slerp: "Arc (slerp)",
    lerp: "Straight (linear)",
    walkDraw: "Draw transition",
    play: "Play",
    pause: "Pause",
    frame: "Frame",
    grid: "Many at once",
    count: "How many",
    gridDraw: "Draw them",
    gridHelp: "Choose one with a click, or with arrow keys and Enter.",
    keys: "Keys",
    keyN: "new face",
    keyS: "save the picture",
    keyL: "copy the link",
    keyG: "many at once",
    keyT: "transition",
    keyP: "play, pause",
    keyArrows: "through the history, the frames or the grid",
    close: "Close",
    same: "All is fixed: it is the same face.",
    seedCaption: "seed {seed}",
    fileCaption: "noise from a file",
    "error.kind": "That is neither a .npy file nor noise as a picture.",
    "error.npy": "That .npy file holds no such noise.",
    "error.count": "That noise has another length: this model takes {count} numbers.",
    "error.picture": "That picture is no noise of this model, which takes {count} numbers.",
    "error.changed": "That picture is no noise, or was changed since: another size and JPEG lose it.",
    "error.large": "That file is too large.",
    picture: "Picture",
    open: "Open a picture",
    drop: "Drop a picture here, or open one.",
    direction: "Direction",
    keep: "As it is",
    before: "Before and after",
    aboutTranslate: "Pictures are translated by animekit on your own computer. Nothing leaves it.",
    unread: "That is no picture that this browser can read.",
  };
  const ZH = {
    title: "玩玩看 {name}",
    about: "臉由這個瀏覽器畫出，你在這裡做的一切都不會離開它。",
    aboutServer: "臉由你自己電腦上的 animekit 畫出，什麼都不會傳出去。",
    wait: "準備中 …",
    drawing: "繪製中 …",
    drawn: "用了 {ms} 毫秒。",
    many: "{count} 張臉，每秒 {rate} 張。",
    failed: "無法繪製：{reason}",
    draw: "新的臉",
    redraw: "繪製",
    save: "儲存圖片",
    link: "複製連結",
    copied: "已複製連結，所有選項都在裡面。",
    address: "請複製本頁網址，所有選項都在裡面。",
    history: "歷史紀錄",
    again: "套用這些選項",
    fromHere: "從這張開始",
    toHere: "到這張結束",
    none: "畫過的臉會出現在這裡。",
    options: "選項",
    attributes: "屬性",
    off: "關",
    random: "隨機",
    on: "開",
    reset: "全部隨機",
    noise: "雜訊",
    each: "每次都新",
    fixed: "固定",
    file: "來自檔案",
    seed: "種子",
    noisePicture: "存成圖片",
    noiseNpy: "存成 .npy",
    noiseOpen: "開啟檔案",
    noiseTaken: "已使用 {name} 的雜訊。",
    truncation: "截斷",
    truncationHelp: "小則平實穩定，大則奇特。",
    walk: "漸變",
    from: "從",
    to: "到",
    frames: "張數",
    path: "路徑",
    slerp: "弧線 (slerp)",
    lerp: "直線 (linear)",
    walkDraw: "繪製漸變",
    play: "播放",
    pause: "暫停",
    frame: "第幾張",
    grid: "一次多張",
    count: "幾張",
    gridDraw: "全部繪製",
    gridHelp: "用滑鼠點選一張，或用方向鍵和 Enter。",
    keys: "快速鍵",
    keyN: "新的臉",
    keyS: "儲存圖片",
    keyL: "複製連結",
    keyG: "一次多張",
    keyT: "漸變",
    keyP: "播放、暫停",
    keyArrows: "瀏覽歷史紀錄、漸變或格子",
    close: "關閉",
    same: "全都固定了，所以還是同一張臉。",
    seedCaption: "種子 {seed}",
    fileCaption: "雜訊來自檔案",
    "error.kind": "這不是 .npy 檔，也不是雜訊圖片。",
    "error.npy": "這個 .npy 檔裡沒有可用的雜訊。",
    "error.count": "雜訊長度不同：這個模型需要 {count} 個數。",
    "error.picture": "這張圖片不是這個模型的雜訊：它需要 {count} 個數。",
    "error.changed": "這張圖片不是雜訊，或存檔後被改過：JPEG 或改變大小會失去雜訊。",
    "error.large": "檔案太大。",
    picture: "圖片",
    open: "開啟圖片",
    drop: "把圖片拖到這裡，或開啟一張。",
    direction: "方向",
    keep: "維持原樣",
    before: "前後對照",
    aboutTranslate: "圖片由你自己電腦上的 animekit 轉換，什麼都不會傳出去。",
    unread: "這個瀏覽器讀不了這張圖片。",
  };
  // words of common vocabularies; what is not here is shown as the model has it
  const NAMES = {
    hair: "頭髮", eyes: "眼睛", class: "類別", "hair style": "髮型", length: "長度",
    orange: "橘色", white: "白色", aqua: "水藍色", gray: "灰色", grey: "灰色", green: "綠色", red: "紅色",
    purple: "紫色", pink: "粉紅色", blue: "藍色", black: "黑色", brown: "棕色", blonde: "金色", blond: "金色",
    silver: "銀色", yellow: "黃色", smile: "微笑", smiling: "微笑", blush: "臉紅", glasses: "眼鏡",
    hat: "帽子", ribbon: "緞帶", bow: "蝴蝶結", "open mouth": "張嘴", "long hair": "長髮", "short hair": "短髮",
    "medium hair": "中長髮", twintails: "雙馬尾", ponytail: "馬尾", braid: "辮子", drill: "螺旋捲", bangs: "瀏海",
    "hair ornament": "髮飾", "hair ribbon": "髮帶", "hair bow": "髮蝴蝶結", "animal ears": "獸耳", headband: "髮圈",
    male: "男", female: "女", young: "年輕", old: "年長",
    "black hair": "黑髮", "blond hair": "金髮", "brown hair": "棕髮", "gray hair": "灰髮",
  };

  animekit.language = "en";

  animekit.say = function (key, values = {}) {
    const text = (animekit.language === "zh" ? ZH : EN)[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  };

  animekit.name = function (word) {
    const text = String(word);
    return animekit.language === "zh" ? NAMES[text.toLowerCase()] ?? text : text;
  };

  // An attribute and its value, as people say them: "blue hair", 藍色頭髮.
  animekit.title = function (name, value, english) {
    if (animekit.language !== "zh" || value === "") return animekit.language === "zh" ? animekit.name(name) : english;
    return english.endsWith(` ${name}`) ? animekit.name(value) + animekit.name(name) : animekit.name(value);
  };

  // Everything that has data-say gets its words; where they are its label, aria-label too.
  animekit.speak = function (language, values) {
    animekit.language = language;
    document.documentElement.lang = language === "zh" ? "zh-Hant" : "en";
    for (const each of document.querySelectorAll("[data-say]")) each.textContent = animekit.say(each.dataset.say, values);
    for (const each of document.querySelectorAll("[data-name]")) each.textContent = animekit.name(each.dataset.name);
    for (const each of document.querySelectorAll("[data-label]")) {
      each.setAttribute("aria-label", animekit.say(each.dataset.label, values));
    }
  };

  animekit.preferred = () => (navigator.languages ?? [navigator.language]).some((each) => /^zh/i.test(each)) ? "zh" : "en";
  animekit.words = { EN, ZH };
})((globalThis.animekit ??= {}));

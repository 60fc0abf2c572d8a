// Profiles that are made up: the same at each start, and different at each tick. Some names are hostile.

const HOSTILE = [
  "<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "\u202eevil\u202c", "a".repeat(400), "", "{{constructor}}", "javascript:alert(3)", "名前.关数.ฟังก์ชัน", "&lt;b&gt;",
];
const VERBS = ["parse", "load", "render", "encode", "read", "find", "apply", "merge", "send", "walk", "score", "match", "index", "flush", "resolve"];
const NOUNS = ["order", "row", "node", "token", "header", "page", "query", "batch", "item", "user", "frame", "price", "stock", "schema", "cache"];
const GROUPS = [
  { name: "your code", kind: "own" }, { name: "numpy", kind: "package" }, { name: "requests", kind: "package" }, { name: "sqlalchemy", kind: "package" },
  { name: "standard library", kind: "library" }, { name: "built-in", kind: "builtin" },
];
const FILES = [["shop/order.py", "shop/stock.py", "shop/price.py"], ["numpy/core.py", "numpy/linalg.py"], ["requests/sessions.py"], ["sqlalchemy/orm.py", "sqlalchemy/sql.py"], ["json.decoder", "re._compiler", "threading"], [""]];

function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export class World {
  constructor({ functions = 900, stacks = 6000, processes = 4, isReadOnly = false, isEmpty = false, isStill = false, hasDurations = false, interval = 0.25 } = {}) {
    Object.assign(this, { count: processes, isReadOnly, isEmpty, isStill, hasDurations, interval, isPaused: false, tick: 1, asked: [] });
    this.begun = Date.now() / 1000 - 180;
    const rand = (this.rand = random(7));
    this.labels = { id: [], name: [], place: [], group: [] };
    for (let at = 0; at < functions; at += 1) {
      const group = at < 8 ? 0 : [0, 0, 1, 2, 3, 3, 4, 4, 5, 5][Math.floor(rand() * 10)];
      const [verb, noun] = [VERBS[at % VERBS.length], NOUNS[Math.floor(at / VERBS.length) % NOUNS.length]];
      const name = at === 0 ? "<module>" : at >= 20 && at < 20 + HOSTILE.length ? HOSTILE[at - 20] : `${group === 5 ? "{" : ""}${verb}_${noun}${at >= 225 ? `_${Math.floor(at / 225)}` : ""}${group === 5 ? "}" : ""}`;
      const file = FILES[group][at % FILES[group].length];
      this.labels.id.push(this.labels.id.length);
      this.labels.name.push(name);
      this.labels.place.push(file === "" ? "" : `${file}:${10 + (at * 7) % 900}`);
      this.labels.group.push(group);
    }
    this.parent = [];
    this.function = [];
    this.depth = [];
    for (let at = 0; at < stacks; at += 1) this.addNode();
    const size = functions;
    this.functions = { calls: new Array(size).fill(0), own: new Array(size).fill(0), cumulative: new Array(size).fill(0), share: new Array(size).fill(0), rate: new Array(size).fill(0) };
    this.buckets = [];
    for (let at = 0; at < 120; at += 1) this.bucket(this.begun + at * 1.5, 1.5);
  }

  addNode() {
    const at = this.parent.length;
    // Some ways are walked often, and branch often.
    let parent = -1;
    if (at > 0) {
      const hot = Math.floor(Math.pow(this.rand(), 3) * at);
      parent = this.depth[hot] > 40 ? this.parent[hot] : hot;
    }
    const siblings = new Set();
    let what = at === 0 ? 0 : 1 + Math.floor(Math.pow(this.rand(), 2) * (this.labels.name.length - 1));
    if (at < 3000) {
      for (let other = 0; other < at; other += 1) if (this.parent[other] === parent) siblings.add(this.function[other]);
      while (siblings.has(what)) what = 1 + Math.floor(this.rand() * (this.labels.name.length - 1));
    }
    this.parent.push(parent);
    this.function.push(what);
    this.depth.push(parent < 0 ? 0 : this.depth[parent] + 1);
    (this.own ??= []).push(at === 0 ? 0.01 : (0.4 * Math.pow(this.rand(), 6) * Math.pow(0.9, this.depth[at])) / Math.sqrt(1 + at / 40));
    (this.calls ??= []).push(Math.ceil(1000 * Math.pow(this.rand(), 4)));
  }

  bucket(from, length) {
    const top = [];
    const second = Math.floor(from - this.begun) / 10;
    for (let at = 1; at <= 9; at += 1) {
      const own = length * 0.2 * Math.max(0, Math.sin(second / (1 + at / 3) + at * 1.7) ** 2 * (1 - at / 14)) * (0.7 + 0.3 * this.rand());
      top.push([at * 3, own]);
    }
    top.sort((a, b) => b[1] - a[1]);
    const memory = 120e6 + 60e6 * Math.sin(second / 3) + 20e6 * this.rand();
    this.buckets.push({ from, to: from + length, top, rest: 0.12 * length, calls: 12000, memory });
  }

  has(scope) {
    return scope === "all" || scope === "files" || this.processes().processes.some(({ id, threads }) => id === scope.split(":")[0] && threads !== undefined);
  }

  processes() {
    const made = [];
    const age = Date.now() / 1000 - this.begun;
    const phases = ["running", "running", "ended", "lost"];
    for (let at = 0; at < (this.isEmpty ? 0 : this.count); at += 1) {
      const labels = (...pairs) => (at === 1 ? { labels: pairs } : {});
      const phase = at === 0 && this.isPaused ? "paused" : phases[at % 4];
      const how = { ended: "ended with exit code 0", lost: "gone without a word: it was killed, or its host stopped" }[phase] ?? null;
      made.push({
        id: `p${at}`, kind: "live", pid: 4711 + at, parent: at === 1 ? 4711 : null, host: at === 3 ? "worker-7" : null,
        title: ["shop/server.py --port 8000", "shop/worker.py", "nightly.py <b>--all</b>", "import.py"][at % 4], phase, how,
        functions: this.labels.name.length, own: 141.2, calls: 81_234_567, calls_per_s: phase === "running" ? 412_345 + 10_000 * at : 0,
        age, elapsed: age, cpu: age * 0.82, overhead: 0.021 + at / 100, lag: phase === "running" ? 0.08 : 64, lost: at === 3 ? 2 : 0,
        interval: this.interval, hook: "sys.monitoring", stacks: true, tasks: at === 1,
        threads: at === 2 ? [] : [
          { id: 1, name: "MainThread", over: false, own: 80, calls: 4e6, share: 0.7, ...labels(["route", "/pay"], ["tenant", "a"]) },
          { id: 2, name: "pool-1_0", over: false, own: 40.5, calls: 2e6, share: 0.2, ...labels(["tenant", "<b>b</b>"], ["route", "/pay"]) },
          { id: 3, name: "pool-1_1", over: true, own: 10, calls: 1e5, share: 0 },
        ],
      });
    }
    if (!this.isEmpty && this.count > 1) {
      made.push({
        id: "r0", kind: "recorder", pid: 4999, parent: null, host: null, title: "memory_spike.py", phase: "running", how: null, functions: null, own: null, calls: null,
        calls_per_s: null, age: 40, elapsed: 40, cpu: null, overhead: null, lag: 0.1, lost: 0, interval: null, hook: null, threads: [],
        recorder: { monitor: "line_memory", records: 123456, dropped: 0, rss: 180e6 },
      });
      made.push({ ...made[made.length - 1], id: "r1", pid: 5001, title: "leaky_shop.py", recorder: { monitor: "objects", records: 0, dropped: 0, rss: null } });
    }
    return { version: "1.0", read_only: this.isReadOnly, processes: made };
  }

  figures() {
    const { functions: { calls, own, cumulative }, parent, function: what } = this;
    [calls, own, cumulative].forEach((column) => column.fill(0));
    const whole = [...this.own];
    for (let at = parent.length - 1; at >= 0; at -= 1) {
      if (parent[at] >= 0) whole[parent[at]] += whole[at];
      own[what[at]] += this.own[at];
      calls[what[at]] += this.calls[at];
      cumulative[what[at]] += whole[at];
    }
  }

  row(ids) {
    const { calls, own, cumulative, share, rate } = this.functions;
    const pick = (column) => ids.map((id) => column[id]);
    return {
      id: ids, calls: pick(calls), primitive: ids.map((id) => Math.ceil(calls[id] * (id % 9 === 0 ? 0.5 : 1))), own: pick(own), cumulative: pick(cumulative),
      gil_wait: ids.map((id) => (id % 7 === 3 ? own[id] / 4 : 0)), in_flight: ids.map((id) => (id < 3 ? 12.5 - id : 0)), open: ids.map((id) => (id < 3 ? 1 : 0)), calls_per_s: pick(rate), share: pick(share),
      ...(this.hasDurations ? { p50: ids.map((id) => (300 - id) / 200), p99: ids.map((id) => (id < 300 ? (300 - id) / 100 : null)), max: ids.map((id) => (300 - id) * 0.03), cpu: ids.map(() => 0.5) } : {}),
    };
  }

  full(hasStacks) {
    this.figures();
    const { parent, function: what, calls, own } = this;
    return {
      tick: this.tick, time: Date.now() / 1000, age: 60, is_live: true, unit: "s", counted: true, sampled: false, edges: "full", groups: GROUPS, labels: this.labels,
      functions: this.row(this.labels.name.map((_, at) => at)),
      stacks: hasStacks ? { state: "kept", note: null, cut: [0, 0], parent, function: what, calls, own, in_flight: parent.map(() => 0), open: parent.map(() => 0) } : null,
    };
  }

  empty() {
    return { ...this.full(false), groups: [], labels: { id: [], name: [], place: [], group: [] }, functions: this.row([]), stacks: null };
  }

  delta(hasStacks) {
    this.tick += 1;
    const changed = new Set();
    const from = this.parent.length;
    for (let step = 0; step < 20; step += 1) this.addNode();
    for (let step = 0; step < Math.min(this.parent.length, 1500); step += 1) {
      const at = Math.floor(Math.pow(this.rand(), 2) * this.parent.length);
      this.own[at] += 0.002 * this.rand();
      this.calls[at] += 7;
      changed.add(at);
    }
    for (let at = from; at < this.parent.length; at += 1) changed.add(at);
    const { share, rate } = this.functions;
    const ids = new Set([...changed].map((at) => this.function[at]));
    this.figures();
    for (const id of ids) {
      const wave = Math.max(0, Math.sin(this.tick / 6 + id));
      share[id] = id < 60 ? (wave * 0.3) / (1 + id / 4) : 0.0002 * this.rand();
      rate[id] = Math.round(wave * 9000);
    }
    const last = this.buckets[this.buckets.length - 1];
    if (Date.now() / 1000 - last.to > 1.5) this.bucket(last.to, 1.5);
    const nodes = [...changed].sort((a, b) => a - b);
    const pick = (column) => nodes.map((at) => column[at]);
    return {
      tick: this.tick, time: Date.now() / 1000, age: 60, functions: this.row([...ids]),
      stacks: hasStacks ? { from, parent: this.parent.slice(from), function: this.function.slice(from), changed: { node: nodes, calls: pick(this.calls), own: pick(this.own), in_flight: nodes.map(() => 0), open: nodes.map(() => 0) } } : null,
    };
  }

  edges(id, isOfRange) {
    const pick = (first, count) => {
      const ids = Array.from({ length: count }, (_, at) => (id + first + at * 5) % this.labels.name.length);
      return { id: ids, calls: ids.map((_, at) => (isOfRange ? 77 : 1000) >> at), own: ids.map((_, at) => 0.2 / (at + 1)), cumulative: ids.map((_, at) => 1.5 / (at + 1)) };
    };
    return { callers: pick(3, 4), callees: pick(11, 18) };
  }

  source(id) {
    if (this.labels.place[id] === "") return { error: "A built-in has no source that could be shown." };
    const lines = [`def ${this.labels.name[id]}(order, *, deep=True):`, '    """What it does, in a line."""', "    if order is None:  # nothing to do", "        return 0", "    return sum(price(item) for item in order.items)"];
    return { file: "shop/order.py", first: 41, lines, changed: id % 2 === 0, more: false };
  }

  now(scope) {
    if (!this.has(scope)) return { error: "No such process." };
    const calls = [0, 1, 4, 7, 21].map((id, at) => ({ function: id, since: 40 / (at + 1) ** 3 }));
    return { exact: true, threads: [{ id: 1, name: "MainThread", calls }, { id: 2, name: "pool-1_0", calls: calls.slice(0, 2) }, { id: 4, name: "idle", calls: [] }] };
  }

  addTasks() {
    this.hasMoreTasks = true;
  }

  /** Forty tasks of the worker: one keeps the loop now, some steps did before; names are hostile. */
  tasks(scope) {
    if (scope !== "all" && scope.split(":")[0] !== "p1") return { error: "no tasks are followed here: run the program with --tasks" };
    const at = (count, made) => Array.from({ length: count }, (_, one) => made(one));
    const [handle, render, query, loads] = [12, 4, 21, 9];
    const name = (one) => (one === 3 ? "<img src=x onerror=alert(5)>" : one === 7 ? "" : `request-${one}`);
    const step = (seconds, task, path) => ({ process: "p1", at: 61 - 100 * seconds, seconds, task, function: handle, path });
    const slow = [
      ...at(7, (one) => step(0.41 - one / 50, name(one), [[handle, 0.41 - one / 50], [render, 0.39 - one / 50], [loads, 0.37 - one / 50]])),
      step(0.12, null, []),
      ...at(6, (one) => step(0.1 - one / 100, name(20 + one), at(12, (call) => [30 + call + one, 0.1 - one / 100 - call / 5000]))),
    ].sort((a, b) => b.seconds - a.seconds);
    // Where there are several processes, each has its own.
    const more = scope === "all" && this.hasMoreTasks ? 1 : 0;
    const ids = [...new Set([handle, query, 17, ...slow.flatMap(({ function: one, path }) => [one, ...path.map(([call]) => call)])])].sort((a, b) => a - b);
    const pick = (column) => ids.map((id) => column[id]);
    return {
      processes: at(1 + more, (one) => ({ id: `p${1 - one}`, under_way: 480, slow_from: 0.05, slow_count: 31, slow_seconds: 4.5 })),
      tasks: {
        process: at(40, (one) => (more && one % 2 === 0 ? "p0" : "p1")), id: at(40, (one) => one), name: at(40, name), function: at(40, (one) => (one % 4 === 3 ? 17 : handle)), runs: at(40, (one) => one === 5),
        since: at(40, (one) => (one === 5 ? 0.31 : 40 / (one + 1)) + (this.isStill ? 0 : this.tick)), run: at(40, (one) => ((one * 7) % 40) / 100), await: at(40, (one) => 50 / (one + 1)), steps: at(40, (one) => 3 * one),
        longest: at(40, (one) => ((one * 11) % 40) / 500), awaits: at(40, (one) => (one % 5 === 0 ? handle : query)),
        // 37 made 38, that made 39 and is awaited by 37 and by one that is not here; who made 36 is over.
        parent: at(40, (one) => ({ 36: 1000, 38: 37, 39: 38 })[one] ?? null), awaited_by: at(40, (one) => (one === 38 ? [37, 99] : [])),
      },
      slow,
      coroutines: {
        function: [handle, query, 17], started: [480, 1200, 3], steps: [1400, 2600, 9], run: [3.9, 0.2, 0.01], await: [90, 70, 1], longest: [0.41, 0.004, 0.002], longest_at: [20, 3, 1],
        returned: [0, 1190, 3], raised: [0, 4, 0], cancelled: [0, 6, 0], dropped: [0, 0, 0], never_awaited: [0, 0, 2], alive: [480, 0, 0],
      },
      labels: { id: ids, name: pick(this.labels.name), place: pick(this.labels.place), group: pick(this.labels.group) },
    };
  }

  history(scope) {
    if (!this.has(scope)) return { error: "No such process." };
    const buckets = this.buckets.map(({ memory, ...bucket }) => bucket);
    const time = this.buckets.map(({ to }) => to);
    const memory = scope === "r0" ? { time, least: this.buckets.map((one) => one.memory * 0.97), greatest: this.buckets.map((one) => one.memory * 1.03), last: this.buckets.map((one) => one.memory) } : undefined;
    return { from: buckets[0].from, to: buckets[buckets.length - 1].to, buckets, memory };
  }

  range(from, to, hasStacks, hasLabels) {
    const full = this.full(hasStacks);
    // What ran early is not what ran late.
    const part = (to - from) / 180;
    const tilt = (id) => part * (0.2 + ((id * 31 + Math.floor(from - this.begun)) % 17) / 8);
    const { functions, stacks } = full;
    functions.own = functions.own.map((own, at) => own * tilt(functions.id[at]));
    functions.cumulative = functions.cumulative.map((one) => one * part);
    if (stacks) full.stacks = { ...stacks, own: stacks.own.map((own, at) => own * tilt(stacks.function[at])) };
    if (!hasLabels) delete full.labels;
    return { ...full, is_live: false, from, to };
  }

  recording(scope) {
    const curve = { time: [], first: [], least: [], greatest: [], last: [] };
    for (let at = 0; at < 200; at += 1) {
      const rss = 60e6 + 90e6 * Math.exp(-(((at - 120) / 14) ** 2)) + 40e6 * Math.exp(-(((at - 60) / 9) ** 2)) + at * 1e5;
      curve.time.push(at / 5);
      for (const key of ["first", "last"]) curve[key].push(rss);
      curve.least.push(rss * 0.98);
      curve.greatest.push(rss * 1.02);
    }
    const at = (count, made) => Array.from({ length: count }, (_, one) => made(one));
    if (scope === "r1") {
      const names = ["shop.Session", "dict", "list", "shop.cache.<b>Entry</b>", "str", "tuple", "collections.OrderedDict", "numpy.ndarray", "set", "shop.Order", "function"];
      const time = at(120, (one) => this.begun + one * 1.5);
      const size = (type) => 48 + 40 * (type % 5);
      const alive = (type, one) => Math.round(type === 0 ? 40 * one : (9000 / (1 + type)) * (1 + Math.sin(one / 9 + type)));
      const types = at(names.length, (type) => ({ id: type, alive: time.map((_, one) => alive(type, one)), bytes: time.map((_, one) => alive(type, one) * size(type)) }));
      const whole = (key) => time.map((_, one) => types.reduce((sum, series) => sum + series[key][one], 0));
      const now = (key) => types.map((series) => series[key][119]);
      return {
        memory: false, functions: false, records: 0, dropped: 0, age: 180, now: null, most: null, summit: null, curve,
        lines: { place: [], function: [], source: [], hits: [], growth: [], own: [], peak: [] },
        types: {
          id: types.map(({ id }) => id), name: names, created: now("alive").map((count) => 3 * count), destroyed: now("alive").map((count) => 2 * count), alive: now("alive"), peak: types.map((series) => Math.max(...series.alive)),
          bytes: now("bytes"), made_per_s: types.map(({ id }) => 400 / (1 + id)), gone_per_s: types.map(({ id }) => (id === 0 ? 0 : 390 / (1 + id))),
          places: { of: [0, 0, 1], place: ["shop/session.py:41", "shop/admin.py:7", "shop/order.py:12"], function: ["open_session", "<img src=x onerror=alert(4)>", "as_dict"], created: [14000, 280, 9000], alive: [4700, 60, null] },
          past: { time, alive: whole("alive"), bytes: whole("bytes"), types }, unlisted: 3,
        },
      };
    }
    return {
      memory: true, functions: false, records: 123456, dropped: 0, age: 40, now: 81e6, most: 171e6, summit: { time: 24, rss: 171e6, line: "memory_spike.py:14" }, curve,
      lines: {
        place: at(40, (one) => `memory_spike.py:${10 + one}`), function: at(40, (one) => (one < 20 ? "spike" : "<b>main</b>")), source: at(40, (one) => `rows = [bytes(1024) for _ in range(${one}_000)]`),
        hits: at(40, (one) => 100 - one), growth: at(40, (one) => 9e7 / (one + 1) ** 2), own: at(40, (one) => 8e7 / (one + 1) ** 2), peak: at(40, (one) => 171e6 - one * 1e6),
      },
    };
  }

  control(id, { command, seconds }) {
    if (this.isReadOnly) return { error: "This server only shows: it was started with --read-only." };
    const process = this.processes().processes.find((one) => one.id === id);
    if (process?.phase === "ended") return { error: "The process is over." };
    if (command === "pause" || command === "stop") this.isPaused = true;
    if (command === "resume") this.isPaused = false;
    if (command === "interval") this.interval = seconds;
    if (command === "clear") {
      this.own.fill(0);
      this.calls.fill(0);
    }
    return { done: true, pending: command === "stop", at: Date.now() / 1000 };
  }
}

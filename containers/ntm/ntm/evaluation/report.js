"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { evaluation, map, similarity, order } = data;
  const { run, metrics, baseline, gate, topics, trials, tuning } = evaluation;
  const byId = (id) => document.getElementById(id);

  // Colours of the Okabe-Ito palette that are visible on light and dark; shapes tell more than eight topics apart.
  const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#a99800", "#8a8f98"];
  const SHAPES = ["circle", "diamond", "square", "triangle-up", "cross", "x", "star", "hexagon"];
  const PATHS = {
    circle: "M7 2a5 5 0 1 1 0 10a5 5 0 1 1 0-10z", diamond: "M7 1l5 6l-5 6l-5-6z", square: "M2.5 2.5h9v9h-9z",
    "triangle-up": "M7 1.5l6 10.5h-12z", cross: "M5 1h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
    x: "M3.5 1L7 4.5L10.5 1L13 3.5L9.5 7L13 10.5L10.5 13L7 9.5L3.5 13L1 10.5L4.5 7L1 3.5z",
    star: "M7 .5l2 4.4l4.8.5l-3.6 3.2l1 4.8L7 11l-4.2 2.4l1-4.8L.2 5.4L5 4.9z", hexagon: "M4 1.8h6l3 5.2l-3 5.2h-6l-3-5.2z",
  };
  const colourOf = (topic) => COLOURS[topic % COLOURS.length];
  const shapeOf = (topic) => SHAPES[Math.floor(topic / COLOURS.length) % SHAPES.length];

  const DESCRIPTIONS = {
    npmi: "NPMI coherence", npmi_train: "NPMI on training data", c_v: "C_V coherence",
    topic_uniqueness: "Topic uniqueness", topic_uniqueness_10: "Uniqueness (10 words)", topic_diversity: "Topic diversity",
    wetc: "WETC coherence", perplexity: "Perplexity per word",
  };
  const LESS_IS_BETTER = new Set(["perplexity"]);

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const number = (value, digits = 3) =>
    value === null || value === undefined ? "–" : Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(digits);
  const general = (value) => (value === null || value === undefined ? "–" : String(Number(value.toPrecision(4))));
  const percent = (value) => `${(100 * value).toFixed(1)} %`;
  const count = (value) => value.toLocaleString("en");
  const best = (topic, words) => topics[topic].words.slice(0, words).map(([word]) => word).join(" ");
  // Plotly interprets some tags in text as formatting.
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const wrapped = (text, width = 60) => {
    const lines = [""];
    for (const word of text.split(" ").flatMap((part) => part.match(new RegExp(`.{1,${width}}`, "gu")) ?? [])) {
      if (lines.at(-1).length + word.length >= width) lines.push("");
      lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
    }
    return lines.map(plain).join("<br>");
  };
  const swatch = (topic) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 14 14");
    svg.setAttribute("class", "swatch");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", PATHS[shapeOf(topic)]);
    path.setAttribute("fill", colourOf(topic));
    svg.append(path);
    return svg;
  };

  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(["text", "soft", "line", "card", "accent", "dim"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  };
  const CONFIG = { responsive: true, displaylogo: false, displayModeBar: false };
  const draw = (place, traces, layout) => {
    const { text, soft, line, card } = theme();
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, tickfont: { color: soft }, automargin: true };
    return Plotly.react(place, traces, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: text, size: 13, family: "system-ui, sans-serif" },
      margin: { l: 10, r: 10, t: 10, b: 10 }, showlegend: false,
      hoverlabel: { bgcolor: card, bordercolor: line, font: { color: text }, align: "left" },
      ...layout, xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
    }, CONFIG);
  };

  let chosen = null;
  let detailed = 0;

  const showHeader = () => {
    byId("eyebrow").textContent = `${run.environment} · ${run.algorithm === "builtin" ? "built-in NTM" : "ntm container"}`;
    const { train, test } = evaluation.documents;
    byId("lead").textContent =
      `${run.num_topics} topics, ${count(run.feature_dim)} words. Trained on ${count(train)} documents, evaluated on ${count(test)} held-out documents.`;
    byId("footer").textContent = map.text
      ? "This page quotes the corpus. Share it only with people who may read the corpus."
      : "This page shows document ids, but no text of the corpus.";
  };

  const showVerdict = () => {
    const place = byId("verdict");
    place.classList.toggle("rejected", !gate.passed);
    const checks = gate.checks.map((check) => element("li", {
      className: check.passed ? "passed" : "failed",
      textContent: `${check.passed ? "✓" : "✗"} ${check.metric} ${general(check.value)} ${check.kind === "at_least" ? "≥" : "≤"} ${general(check.threshold)}`,
    }));
    place.replaceChildren(
      element("h2", { textContent: gate.passed ? "Passed the gate" : "Rejected by the gate" }),
      element("p", { textContent: gate.reason }), element("ul", {}, ...checks),
    );
  };

  const showQuality = () => {
    byId("quality-note").textContent =
      `Baseline: ${baseline.model} with the same number of topics, vocabulary and training documents; ${count(baseline.iterations)} iterations, ${number(baseline.seconds, 1)} s.`;
    byId("quality").replaceChildren(...Object.keys(DESCRIPTIONS).filter((name) => name in metrics).map((name) => {
      const difference = metrics[name] - baseline[name];
      const better = LESS_IS_BETTER.has(name) ? difference < 0 : difference > 0;
      const same = Math.abs(difference) < 5e-4;
      return element("div", { className: "card" },
        element("div", { className: "name", textContent: DESCRIPTIONS[name] }),
        element("div", { className: "value", textContent: number(metrics[name]) }),
        element("div", { className: "other" }, `LDA ${number(baseline[name])} `,
          element("span", { className: same ? "" : better ? "better" : "worse", textContent: same ? "same" : better ? "▲ better" : "▼ worse" })));
    }));
  };

  const showDocument = (index) => {
    const place = byId("document");
    if (index === null) {
      place.replaceChildren(element("p", { className: "note", textContent: "Select a point to read the document." }));
      return;
    }
    const topic = map.topic[index];
    place.replaceChildren(
      element("p", { className: "id", textContent: map.id[index] }),
      element("p", {}, swatch(topic), ` topic ${topic}, ${percent(map.weight[index])}`),
      element("p", { className: "note", textContent: best(topic, 8) }),
      ...(map.text ? [element("p", { className: "quote", textContent: map.text[index] })] : []),
    );
  };

  const drawMap = () => {
    const { dim } = theme();
    const traces = topics.map(({ topic }) => {
      const points = map.topic.flatMap((of, index) => (of === topic ? [index] : []));
      const faded = chosen !== null && chosen !== topic;
      return {
        type: "scatter", mode: "markers", name: `topic ${topic}`,
        x: points.map((index) => map.x[index]), y: points.map((index) => map.y[index]), customdata: points,
        text: points.map((index) => `<b>${plain(map.id[index])}</b><br>topic ${topic}: ${plain(best(topic, 5))}${map.text ? `<br>${wrapped(map.text[index].slice(0, 200))}` : ""}`),
        hovertemplate: "%{text}<extra></extra>", hoverinfo: faded ? "skip" : undefined,
        marker: { color: faded ? dim : colourOf(topic), symbol: shapeOf(topic), size: faded ? 5 : 7, opacity: faded ? 0.35 : 0.85, line: { width: 0 } },
      };
    });
    // Draw the selected topic on top.
    if (chosen !== null) traces.push(...traces.splice(traces.findIndex((trace) => trace.name === `topic ${chosen}`), 1));
    return draw("map", traces, { xaxis: { visible: false }, yaxis: { visible: false, scaleanchor: "x" }, hovermode: "closest", dragmode: "pan" });
  };

  const choose = (topic) => {
    chosen = topic;
    for (const chip of byId("chips").children) chip.setAttribute("aria-pressed", String(chip.dataset.topic === String(topic)));
    drawMap();
  };

  const showMap = () => {
    byId("map-note").textContent =
      `${count(map.id.length)} held-out documents, placed by their topics (t-SNE): nearby documents are about similar topics. Colour and shape show each document's main topic.`;
    const chip = (topic, ...content) => {
      const button = element("button", { type: "button", onclick: () => choose(topic === chosen ? null : topic) }, ...content);
      button.dataset.topic = String(topic);
      button.setAttribute("aria-pressed", String(topic === chosen));
      return button;
    };
    byId("chips").replaceChildren(chip(null, "all topics"), ...topics.map(({ topic }) => chip(topic, swatch(topic), `${topic} ${best(topic, 3)}`)));
    showDocument(null);
    drawMap().then((plot) => plot.on("plotly_click", ({ points }) => {
      const index = points[0].customdata;
      showDocument(index);
      showTopic(map.topic[index]);
    }));
  };

  const COLUMNS = [
    { title: "Topic", value: (row) => row.topic, cell: (row) => element("td", {}, element("button", { type: "button", className: "name" }, swatch(row.topic), String(row.topic))) },
    { title: "Share", number: true, value: (row) => row.share, cell: (row) => {
      const bar = element("span", { className: "bar" });
      bar.style.width = `${100 * row.share / Math.max(...topics.map(({ share }) => share))}%`;
      bar.style.background = colourOf(row.topic);
      return element("td", { className: "number" }, percent(row.share), bar);
    } },
    { title: "Documents", number: true, value: (row) => row.documents, digits: 0 },
    { title: "NPMI", number: true, value: (row) => row.npmi },
    { title: "C_V", number: true, value: (row) => row.c_v },
    { title: "Unique", number: true, value: (row) => row.uniqueness },
    ...("wetc" in topics[0] ? [{ title: "WETC", number: true, value: (row) => row.wetc }] : []),
    { title: "Words", cell: (row) => element("td", { className: "words", textContent: best(row.topic, 10) }) },
  ];
  let sorted = { column: 0, down: false };

  const showTopics = () => {
    const heads = COLUMNS.map((column, index) => {
      const head = element("th", { className: column.number ? "number" : "", scope: "col" });
      if (!column.value) {
        head.textContent = column.title;
        return head;
      }
      const here = sorted.column === index;
      if (here) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      const arrow = here ? (sorted.down ? " ↓" : " ↑") : "";
      head.append(element("button", { type: "button", textContent: column.title + arrow, onclick: () => {
        sorted = { column: index, down: here ? !sorted.down : Boolean(column.number) };
        showTopics();
        byId("topics").tHead.rows[0].cells[index].firstChild.focus();
      } }));
      return head;
    });
    const value = COLUMNS[sorted.column].value;
    const rows = [...topics].sort((one, other) => (value(one) - value(other)) * (sorted.down ? -1 : 1));
    byId("topics").tHead.replaceChildren(element("tr", {}, ...heads));
    byId("topics").tBodies[0].replaceChildren(...rows.map((row) => {
      const line = element("tr", { onclick: () => showTopic(row.topic) }, ...COLUMNS.map((column) =>
        column.cell ? column.cell(row) : element("td", { className: "number", textContent: number(column.value(row), column.digits ?? 3) })));
      line.dataset.topic = String(row.topic);
      line.classList.toggle("chosen", row.topic === detailed);
      return line;
    }));
  };

  const drawWords = () => {
    const { words } = topics[detailed];
    const shown = [...words].reverse();
    draw("words", [{
      type: "bar", orientation: "h", x: shown.map(([, weight]) => weight), y: shown.map(([word]) => plain(word)),
      marker: { color: colourOf(detailed) }, hovertemplate: "%{y}: %{x:.4f}<extra></extra>",
    }], { xaxis: { rangemode: "tozero", nticks: 4 }, yaxis: { type: "category", dtick: 1, tickfont: { size: 11 } }, bargap: 0.25 });
  };

  const showTopic = (topic) => {
    detailed = topic;
    const { share, documents, representative, nearest } = topics[topic];
    for (const row of byId("topics").tBodies[0].rows) row.classList.toggle("chosen", row.dataset.topic === String(topic));
    byId("topic-title").replaceChildren(swatch(topic), ` Topic ${topic}: ${best(topic, 3)}`);
    byId("topic-note").textContent = `${percent(share)} of the corpus; main topic of ${count(documents)} held-out documents. Most similar: topic ${nearest[0]} (${best(nearest[0], 3)}), cosine ${number(nearest[1], 2)}.`;
    byId("representative").replaceChildren(...representative.map(({ id, weight, text }) => element("li", {},
      element("span", { className: "id", textContent: `${id} · ${percent(weight)}` }),
      ...(text === undefined ? [] : [element("p", { className: "quote", textContent: text })]))));
    drawWords();
  };

  const drawSimilarity = () => {
    const names = order.map((topic) => `${topic} ${plain(best(topic, 2))}`);
    const narrow = byId("similarity").clientWidth < 480;
    const ticks = { type: "category", tickangle: 0, tickfont: { size: order.length > 40 ? 8 : 10 }, showgrid: false, ticks: "" };
    const short = order.map(String);
    return draw("similarity", [{
      type: "heatmap", x: short, y: short, z: order.map((row) => order.map((column) => similarity[row][column])),
      text: order.map((row) => order.map((column) => `${row} ${plain(best(row, 5))}<br>${column} ${plain(best(column, 5))}`)),
      hovertemplate: "%{text}<br>similarity %{z:.2f}<extra></extra>", colorscale: "Cividis", zmin: 0, zmax: 1,
      colorbar: { thickness: 10, outlinewidth: 0, len: 0.6, tickfont: { color: theme().soft } },
    }], {
      xaxis: { ...ticks, tickvals: short }, yaxis: { ...ticks, autorange: "reversed", tickvals: short, ticktext: narrow ? short : names },
    });
  };

  const better = (one, other) => (tuning.goal === "minimize" ? one < other : one > other);

  const drawTrials = () => {
    const { accent, soft } = theme();
    const done = trials.map((trial, index) => ({ ...trial, index: index + 1 })).filter((trial) => trial.objective !== null);
    let leader = null;
    const running = done.map((trial) => {
      if (leader === null || better(trial.objective, leader.objective)) leader = trial;
      return leader.objective;
    });
    const marks = {
      color: done.map((trial) => (trial === leader ? "#d55e00" : accent)), size: done.map((trial) => (trial === leader ? 14 : 9)),
      symbol: done.map((trial) => (trial === leader ? "star" : "circle")), line: { width: 0 },
    };
    const about = done.map((trial) => `${plain(trial.job)} (${trial.status})<br>${Object.entries(trial.hyperparameters).map(([name, value]) => plain(`${name} ${value}`)).join("<br>")}`);
    draw("trials", [
      { type: "scatter", mode: "lines", x: done.map((trial) => trial.index), y: running, line: { shape: "hv", color: soft, width: 1.5, dash: "dot" }, hoverinfo: "skip" },
      { type: "scatter", mode: "markers", x: done.map((trial) => trial.index), y: done.map((trial) => trial.objective), marker: marks, text: about, hovertemplate: `%{text}<br>${plain(tuning.metric)} %{y:.4f}<extra></extra>` },
    ], { xaxis: { title: { text: "trial" }, dtick: trials.length > 20 ? undefined : 1, range: [0.5, trials.length + 0.5] }, yaxis: { title: { text: plain(tuning.metric) } }, hovermode: "closest" });
    const names = [...new Set(done.flatMap((trial) => Object.keys(trial.hyperparameters)))].sort();
    const places = byId("values");
    // Create all containers before drawing, because a plot takes the size of its container.
    if (!places.children.length) places.append(...names.map(() => element("div", { className: "plot tiny" })));
    names.forEach((name, place) => {
      const values = done.map((trial) => trial.hyperparameters[name] ?? "");
      const numbers = values.map(Number);
      const numeric = values.every((value) => value !== "") && numbers.every(Number.isFinite);
      const log = numeric && Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) >= 10;
      draw(places.children[place], [{
        type: "scatter", mode: "markers", x: numeric ? numbers : values.map(plain), y: done.map((trial) => trial.objective),
        marker: { ...marks, size: marks.size.map((size) => size * 0.8) }, hovertemplate: "%{x}: %{y:.4f}<extra></extra>",
      }], { xaxis: { title: { text: plain(name), font: { size: 12 } }, type: numeric ? (log ? "log" : "linear") : "category", nticks: 4 }, yaxis: { nticks: 4 } });
    });
    return leader;
  };

  const showTrials = () => {
    byId("tuning").hidden = false;
    const leader = drawTrials();
    const goal = tuning.goal === "minimize" ? "lower" : "higher";
    byId("tuning-note").textContent = leader
      ? `${count(trials.length)} trials of ${run.tuning_job}; ${goal} ${tuning.metric} is better. The star marks the best trial (${general(leader.objective)}), the dotted line the best so far.`
      : `${count(trials.length)} trials of ${run.tuning_job}, none with an objective value.`;
    const ranked = [...trials].sort((one, other) => (one.objective === null) - (other.objective === null) || (better(one.objective, other.objective) ? -1 : 1));
    const names = [...new Set(trials.flatMap((trial) => Object.keys(trial.hyperparameters)))].sort();
    byId("trial-table").replaceChildren(
      element("thead", {}, element("tr", {}, ...["Job", "Status", "Objective", "Seconds", ...names].map((textContent) => element("th", { textContent, scope: "col" })))),
      element("tbody", {}, ...ranked.map((trial) => element("tr", {}, ...[
        trial.job, trial.status, general(trial.objective), number(trial.seconds, 0), ...names.map((name) => trial.hyperparameters[name] ?? "–"),
      ].map((textContent) => element("td", { textContent }))))));
  };

  const showRun = () => {
    const seconds = Object.entries(evaluation.seconds).map(([name, value]) => `${name} ${number(value, 1)} s`).join(", ");
    const facts = {
      Execution: run.execution, Environment: run.environment, Algorithm: run.algorithm, Corpus: run.corpus_uri, "Corpus version": run.corpus_version,
      "Training job": run.training_job, "Tuning job": run.tuning_job ?? "none", Topics: count(run.num_topics), Vocabulary: `${count(run.feature_dim)} words`,
      Documents: `${count(evaluation.documents.train)} training, ${count(evaluation.documents.test)} test (${count(evaluation.documents.scored)} for perplexity)`,
      "Evaluation time": seconds,
    };
    byId("run").replaceChildren(...Object.entries(facts).flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })]));
  };

  document.querySelector("main").hidden = false;
  showHeader();
  showVerdict();
  showQuality();
  showMap();
  showTopics();
  showTopic(topics.reduce((one, other) => (other.share > one.share ? other : one)).topic);
  drawSimilarity();
  if (tuning) showTrials();
  showRun();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawMap();
    drawWords();
    drawSimilarity();
    if (tuning) drawTrials();
  });
  document.documentElement.dataset.ready = "true";
})();

// Opens a report in a headless browser, interacts with it, and prints the observations as JSON.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const [file, screenshots] = process.argv.slice(2);
const browser = await puppeteer.launch({
  args: chromium.args,
  executablePath: process.env.TOPICSMITH_CHROMIUM ?? (await chromium.executablePath()),
  headless: "shell",
});

const seen = { errors: [], requests: [] };

async function open(width, height, scheme) {
  const page = await browser.newPage();
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && seen.errors.push(message.text()));
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("request", (request) => seen.requests.push(request.url().slice(0, 200)));
  page.on("dialog", (dialog) => {
    seen.errors.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(pathToFileURL(file).href, { waitUntil: "load" });
  if (!(await page.$("html[data-ready]"))) throw new Error(`the page's script ended early: ${seen.errors.join("; ")}`);
  await page.waitForSelector("#map .point");
  return page;
}

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
const text = (page, selector) => page.$eval(selector, (found) => found.textContent);

const page = await open(1280, 900, "light");
seen.title = await page.title();
seen.verdict = await text(page, "#verdict");
seen.checks = await page.$$eval("#verdict li", (items) => items.map((item) => [item.className, item.textContent]));
seen.cards = await page.$$eval("#quality .card", (cards) => cards.map((card) => card.textContent));
seen.points = await page.$$eval("#map .point", (points) => points.length);
seen.rows = await page.$$eval("#topics tbody tr", (rows) => rows.map((row) => row.textContent));
seen.bars = await page.$$eval("#topics .bar", (bars) => bars.map((bar) => bar.clientWidth / bar.parentElement.clientWidth));
seen.similarity = await page.$eval("#similarity", (plot) => plot.data[0].z);
seen.trials = await page.$$eval("#trials .scatterlayer .point", (points) => points.length);
seen.values = await page.$$eval("#values .plot", (plots) => plots.length);
seen.ranked = await page.$$eval("#trial-table tbody tr", (rows) => rows.map((row) => row.cells[0].textContent));
seen.footer = await text(page, "footer");
seen.run = await text(page, "#run");
seen.wide = await overflow(page);
await page.screenshot({ path: join(screenshots, "1280.png"), fullPage: true });

// A topic, by mouse.
await page.click("#topics tbody tr:nth-child(2)");
seen.topic = await text(page, "#topic-title");
seen.words = await page.$eval("#words", (plot) => plot.data[0].y.length);
seen.quotes = await page.$$eval("#representative li", (items) => items.map((item) => item.textContent));
// The same topic's documents alone, by keyboard.
await page.focus("#chips button:nth-child(3)");
await page.keyboard.press("Enter");
seen.pressed = await page.$$eval("#chips button", (chips) => chips.map((chip) => chip.getAttribute("aria-pressed")));
seen.faded = await page.$eval("#map", (plot) => plot.data.filter((trace) => trace.marker.opacity < 0.5).length);
await page.keyboard.press("Enter");
seen.restored = await page.$eval("#map", (plot) => plot.data.filter((trace) => trace.marker.opacity < 0.5).length);
// The table by another column.
await page.click("#topics thead th:nth-child(4) button");
seen.sorted = await page.$$eval("#topics tbody tr", (rows) => rows.map((row) => Number(row.cells[3].textContent)));
// A document.
const where = await page.$eval("#map", (plot) => {
  plot.scrollIntoView({ block: "center" });
  const { left, top } = plot.querySelector(".point").getBoundingClientRect();
  return [left, top];
});
await page.mouse.move(where[0] + 3, where[1] + 3);
await page.waitForSelector("#map .hovertext");
seen.hover = await text(page, "#map .hovertext");
await page.mouse.click(where[0] + 3, where[1] + 3);
seen.document = await text(page, "#document");
seen.injected = await page.$$eval("img, iframe, object, a, script[src]", (found) => found.map((element) => element.outerHTML.slice(0, 100)));

const narrow = await open(400, 800, "light");
seen.narrow = await overflow(narrow);
await narrow.screenshot({ path: join(screenshots, "400.png"), fullPage: true });
const dark = await open(1280, 900, "dark");
seen.background = await dark.$eval("body", (body) => getComputedStyle(body).backgroundColor);
await dark.screenshot({ path: join(screenshots, "dark.png"), fullPage: true });

await browser.close();
console.log(JSON.stringify(seen));

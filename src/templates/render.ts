import { readFileSync } from "node:fs";
import Handlebars from "handlebars";
import { markdownCellCode, markdownCode, neutraliseMarkdown } from "./reports/neutralise-markdown.ts";
import { showHidden } from "./reports/show-hidden.ts";

/**
 * Templates are Handlebars files beside this one. Names that end in `.html.hbs` escape what they are given; all others
 * are plain text and do not. A name that a template uses and is not given is an error, never an empty place.
 */
const compiled = new Map<string, HandlebarsTemplateDelegate>();
const engine = Handlebars.create();

engine.registerHelper("fence", (text: string) => {
  const longest = [...text.matchAll(/`{3,}/g)].reduce((length, [run]) => Math.max(length, run.length), 2);
  return "`".repeat(longest + 1);
});
engine.registerHelper("json", (value: unknown) => JSON.stringify(value));
/** Another template in this place, given a value or named values; HTML in HTML is not escaped again. */
engine.registerHelper("include", (name: string, value: unknown, options?: Handlebars.HelperOptions) => {
  const text = render(name, options ? value : (value as Handlebars.HelperOptions).hash);
  return name.endsWith(".html") ? trustedHtml(text) : text;
});
// Text from outside in Markdown: prose, code, code in a table cell, the inside of a fenced block.
engine.registerHelper("prose", (text: string) => neutraliseMarkdown(text));
engine.registerHelper("code", (text: string) => markdownCode(text));
engine.registerHelper("cellCode", (text: string) => markdownCellCode(text));
engine.registerHelper("block", (text: string) => showHidden(text));

export function render(name: string, data: unknown): string {
  let template = compiled.get(name);
  if (!template) {
    template = engine.compile(readTemplate(`${name}.hbs`), { strict: true, noEscape: !name.endsWith(".html") });
    compiled.set(name, template);
  }
  return template(data);
}

/** HTML of our own making, which no template escapes. */
export interface TrustedHtml {
  toHTML(): string;
}

export function trustedHtml(html: string): TrustedHtml {
  return new engine.SafeString(html);
}

/** A file beside the templates, as it is. */
export function renderText(name: string): string {
  return readTemplate(name);
}

function readTemplate(file: string): string {
  return readFileSync(new URL(file, import.meta.url), "utf8");
}

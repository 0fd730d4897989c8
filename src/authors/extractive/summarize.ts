import { fromMarkdown } from "mdast-util-from-markdown";
import type { Survey, SurveyFile } from "../../repository/survey.ts";
import type { AuthorContext, FileClass, FileClassification, RepositorySummary } from "../author.ts";

const maxShortlist = 40;

/** What the repository says it is for: its own metadata, else the first real paragraph of its README, else its main module's doc string. */
export async function summarizeRepository({ survey, repository, readText }: AuthorContext): Promise<RepositorySummary> {
  const readme = survey.readme ? await readText(survey.readme) : null;
  const main = survey.outlines.find(({ path }) => path === survey.coreFunctions[0]?.path);
  const paragraph = readme === null ? "" : firstParagraph(survey.readme ?? "", readme.slice(0, 50_000));
  const description =
    [survey.packaging.description, paragraph].filter((text) => text).join(" — ") ||
    main?.doc ||
    `Code of ${repository.name}; the repository does not say what it is for.`;
  const relevant = [
    survey.readme ?? "",
    ...survey.coreFunctions.flatMap(({ path, usedIn }) => [path, ...usedIn.slice(0, 2)]),
  ];
  return {
    description: description.slice(0, 1200),
    highlyRelevantFiles: [...new Set(relevant.filter((path) => path !== ""))].slice(0, 10),
  };
}

function firstParagraph(path: string, text: string): string {
  const paragraphs = /\.(md|markdown)$/i.test(path)
    ? fromMarkdown(text).children.flatMap((node) =>
        node.type === "paragraph" ? [text.slice(node.position?.start.offset ?? 0, node.position?.end.offset ?? 0)] : [],
      )
    : text.split(/\n\s*\n/);
  const plain = paragraphs.map((paragraph) =>
    paragraph
      .slice(0, 5000)
      .replace(/!\[[^\]]*\]\([^)]*\)|\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)|<[^>]+>/g, "")
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/`+([^`]*)`+(_)?|<(https?:[^>]*)>/g, "$1")
      .replace(/[\u0000-\u001f\u200b-\u200f\u202a-\u202e]+/g, " ")
      .replace(/\s+/g, " ")
      .trim(),
  );
  return (
    plain
      .find((each) => each.length > 30 && /\w+ \w+ \w+/.test(each) && !/^[=\-~^.:|]|^\.\. /.test(each))
      ?.slice(0, 600) ?? ""
  );
}

/** Classifies the files most worth reading, by name, outline and use; the classes are the reference system's. */
export function classifyFiles(survey: Survey): FileClassification[] {
  const core = new Set(survey.coreFunctions.map(({ path }) => path));
  const using = new Set(survey.coreFunctions.flatMap(({ usedIn }) => usedIn));
  const rank = (file: SurveyFile): number => rate(file, survey, core, using) * 10 - file.path.split("/").length;
  return survey.files
    .filter(({ type }) => type !== "other" && type !== "licence")
    .sort((a, b) => rank(b) - rank(a) || (a.path < b.path ? -1 : 1))
    .slice(0, maxShortlist)
    .map((file) => {
      const outline = survey.outlines.find(({ path }) => path === file.path);
      const names =
        outline?.symbols.filter(({ name }) => !name.startsWith("_")).map(({ qualifiedName }) => qualifiedName) ?? [];
      const needs = survey.needs.filter(({ path }) => path === file.path);
      return {
        path: file.path,
        classification: classOf(file, survey),
        description: outline?.doc || `${file.type}, ${file.bytes} bytes`,
        important_information: names.length > 0 ? `defines ${names.slice(0, 12).join(", ")}` : "",
        computational_requirements: needs.map(({ kind, line }) => `${kind} (line ${line})`).join(", "),
        highly_relevant_files: survey.coreFunctions
          .filter(({ usedIn }) => usedIn.includes(file.path))
          .map(({ path }) => path)
          .filter((path, index, all) => all.indexOf(path) === index),
        how_relevant_rating: rate(file, survey, core, using),
        stand_alone_example: file.type === "example" || file.type === "notebook",
      };
    });
}

function rate(
  { path, type }: SurveyFile,
  survey: Survey,
  core: ReadonlySet<string>,
  using: ReadonlySet<string>,
): number {
  if (path === survey.readme || core.has(path)) return 5;
  if ((type === "example" || type === "notebook") && using.has(path)) return 5;
  if (using.has(path) || type === "example" || type === "notebook") return 4;
  if (type === "source" || type === "documentation" || type === "packaging") return 3;
  return type === "test" || type === "runscript" ? 2 : 1;
}

function classOf({ path, type }: SurveyFile, survey: Survey): FileClass {
  const shown = survey.snippets.filter((snippet) => snippet.path === path);
  switch (type) {
    case "readme":
    case "documentation":
      if (shown.some(({ kind }) => kind === "python" || kind === "doctest")) return "documentation_example";
      return shown.some(({ kind }) => kind === "console") ? "documentation_running" : "documentation_general";
    case "notebook":
    case "example":
      return "code_example";
    case "runscript":
      return /example|demo/i.test(path) ? "runscript_example" : "runscript_running";
    case "source":
      return survey.outlines.find((outline) => outline.path === path)?.symbols.some(({ name }) => name === "main")
        ? "code_main_entry_point"
        : "code_general";
    case "test":
      return "code_general";
    case "data":
      return "data";
    default:
      return "other";
  }
}

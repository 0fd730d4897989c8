import { describe, expect, it } from "vitest";
import { distributionFor } from "../../../src/authors/extractive/distributions.ts";
import { createContext, makeFolder } from "../../support/author-context.ts";

async function requirementFor(module: string, files: Record<string, string> = {}, prose = ""): Promise<string | null> {
  await using folder = await makeFolder(files);
  return distributionFor(module, (await createContext(folder.path)).survey, prose).requirement;
}

describe("distributionFor", () => {
  it.each([
    ["PIL.Image", "Pillow"],
    ["sklearn", "scikit-learn"],
    ["yaml", "PyYAML"],
    ["cv2", "opencv-python-headless"],
    ["numpy", "numpy"],
  ])("knows that %s comes from %s", async (module, name) => expect(await requirementFor(module)).toBe(name));

  it("takes what the repository declares first", async () => {
    const files = { "requirements.txt": "scikit_learn<1.3\nNumPy==1.26.4\n" };
    expect(await requirementFor("sklearn", files)).toBe("scikit_learn<1.3");
    expect(await requirementFor("numpy", files)).toBe("NumPy==1.26.4");
  });

  it("never guesses a distribution by a module's name alone", async () => {
    expect(await requirementFor("labtools")).toBeNull();
    expect(await requirementFor("labtools", {}, "We use our labtools here.")).toBe("labtools");
    expect(await requirementFor("os")).toBeNull();
  });

  it("takes a name that the conda file declares", async () => {
    const files = { "environment.yml": "dependencies:\n  - labtools=1.0\n" };
    expect(await requirementFor("labtools", files)).toBe("labtools");
  });
});

import { describe, expect, it } from "vitest";
import { pinRequirements } from "../../src/pipeline/pin-requirements.ts";

describe("pinRequirements", () => {
  it("replaces each requirement by the version that was installed and keeps the rest", () => {
    const text = "# Declared\nNumPy>=1.20\nruamel_yaml[x]\nunknown<3\n--extra-index-url https://example.org/simple\n";
    expect(pinRequirements(text, ["numpy==1.26.4", "ruamel.yaml==0.18"])).toBe(
      "# Declared\nNumPy==1.26.4\nruamel_yaml[x]==0.18\nunknown<3\n--extra-index-url https://example.org/simple\n",
    );
  });

  it("names the release of a version that only one index has", () => {
    expect(pinRequirements("torch\n", ["torch==2.1.0+cpu"])).toBe("torch==2.1.0\n");
  });

  it("keeps the condition under which it is asked for", () => {
    expect(pinRequirements('tomli>1; python_version < "3.11"\n', ["tomli==2.0.1"])).toBe(
      'tomli==2.0.1 ; python_version < "3.11"\n',
    );
  });

  it("names each once", () => {
    expect(pinRequirements("numpy\nscipy\nNumPy>=1.20\nscipy\n", ["numpy==1.26.4"])).toBe("numpy==1.26.4\nscipy\n");
  });
});

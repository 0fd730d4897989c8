import { createHash } from "node:crypto";

/** What an image is made from: a base of a public registry and the commands of a Dockerfile. */
export interface ImageRecipe {
  base: string;
  commands: readonly string[];
}

/** Interpreters beside the system's own, from the builds that uv fetches; the oldest ones are for code of their time. */
const pythons = ["3.8", "3.9", "3.10", "3.11", "3.13"];

/** What sandboxes are made from where nobody names an image: Ubuntu with the usual build tools, Pythons and uv. */
export const defaultImage: ImageRecipe = {
  base: "ubuntu:24.04",
  commands: [
    "ENV DEBIAN_FRONTEND=noninteractive",
    `RUN apt-get update && apt-get install -y --no-install-recommends ${[
      ...["ca-certificates", "git", "curl", "wget", "xz-utils", "unzip", "bzip2"],
      ...["build-essential", "gfortran", "cmake", "ninja-build", "pkg-config"],
      ...["python3", "python3-dev", "python3-venv", "python3-pip"],
    ].join(" ")} && rm -rf /var/lib/apt/lists/*`,
    "RUN python3 -m pip install --break-system-packages --no-cache-dir uv",
    `RUN UV_PYTHON_INSTALL_DIR=/opt/python uv python install ${pythons.join(" ")}`,
  ],
};

/** Names what an image holds, for tags and keys. */
export function hashRecipe({ base, commands }: ImageRecipe): string {
  return createHash("sha256")
    .update([base, ...commands].join("\n"))
    .digest("hex")
    .slice(0, 16);
}

export function formatDockerfile({ base, commands }: ImageRecipe): string {
  return [`FROM ${base}`, ...commands, ""].join("\n");
}

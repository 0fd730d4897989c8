import { existsSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isWithin, type Mount } from "./place.ts";

/** Where the shared wheels are seen inside. */
const wheelsInside = "/opt/wheels";

const certificateNames = [
  "PIP_CERT",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "GIT_SSL_CAINFO",
  "NODE_EXTRA_CA_CERTS",
];

/**
 * Makes the passed variables true inside: certificates and folders of wheels that lie elsewhere on the host get a
 * place of their own there and the variable names that place; one that names nothing is dropped. `shown` are folders of
 * the host that every sandbox sees; without a folder of shared wheels no folder of the host can be shown at all.
 */
export function settlePackageSettings(
  passed: Readonly<Record<string, string>>,
  { wheelsFolder, shown }: { wheelsFolder: string | null; shown: readonly string[] },
): { environment: Record<string, string>; mounts: Mount[] } {
  const environment = { ...passed };
  const mounts: Mount[] = [];
  for (const name of certificateNames) {
    const path = environment[name];
    if (path === undefined || shown.some((folder) => isWithin(path, folder))) continue;
    delete environment[name];
    if (!path.startsWith("/") || !existsSync(path)) continue;
    environment[name] = `/opt/certificates/${name}`;
    mounts.push({ host: realpathSync(path), inside: environment[name] });
  }
  const links = (passed.PIP_FIND_LINKS ?? "").split(/\s+/).flatMap((link, index) => {
    if (/^https?:/i.test(link)) return [link];
    const folder = link.startsWith("file:") ? fileURLToPath(link) : link;
    if (wheelsFolder === null || !folder.startsWith("/") || !existsSync(folder)) return [];
    const inside = `/opt/find-links/${index}`;
    mounts.push({ host: realpathSync(folder), inside });
    return [inside];
  });
  delete environment.PIP_FIND_LINKS;
  if (wheelsFolder !== null) {
    mounts.push({ host: wheelsFolder, inside: wheelsInside });
    links.push(wheelsInside);
  }
  if (links.length > 0) {
    environment.PIP_FIND_LINKS = links.join(" ");
    environment.UV_FIND_LINKS = links.join(",");
  }
  return { environment, mounts };
}

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
/** Shown in every sandbox where they are on the host. */
const shownFolders = ["/usr", "/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust"];

/**
 * Makes the passed variables true inside: certificates and folders of wheels that lie elsewhere on the host get a
 * place of their own there and the variable names that place; one that names nothing is dropped.
 */
export function settlePackageSettings(
  passed: Readonly<Record<string, string>>,
  { wheelsFolder }: { wheelsFolder: string },
): { environment: Record<string, string>; mounts: Mount[] } {
  const environment = { ...passed };
  const mounts: Mount[] = [{ host: wheelsFolder, inside: wheelsInside }];
  for (const name of certificateNames) {
    const path = environment[name];
    if (path === undefined || shownFolders.some((folder) => isWithin(path, folder))) continue;
    delete environment[name];
    if (!path.startsWith("/") || !existsSync(path)) continue;
    environment[name] = `/opt/certificates/${name}`;
    mounts.push({ host: realpathSync(path), inside: environment[name] });
  }
  const links = (passed.PIP_FIND_LINKS ?? "").split(/\s+/).flatMap((link, index) => {
    if (/^https?:/i.test(link)) return [link];
    const folder = link.startsWith("file:") ? fileURLToPath(link) : link;
    if (!folder.startsWith("/") || !existsSync(folder)) return [];
    const inside = `/opt/find-links/${index}`;
    mounts.push({ host: realpathSync(folder), inside });
    return [inside];
  });
  environment.PIP_FIND_LINKS = [...links, wheelsInside].join(" ");
  environment.UV_FIND_LINKS = [...links, wheelsInside].join(",");
  return { environment, mounts };
}

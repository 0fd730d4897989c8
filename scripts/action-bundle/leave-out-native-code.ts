import type { Plugin } from "rolldown";

/** Compiled code that only makes packages faster, where it can be had; they look for it, and do without. */
const nativePackages = /^cbor-extract$/;

/** Whether such a package was installed must not change the bundle. */
export function leaveOutNativeCode(): Plugin {
  return {
    name: "leave-out-native-code",
    resolveId: { filter: { id: nativePackages }, handler: () => "\0absent" },
    load: { filter: { id: /^\0absent$/ }, handler: () => ({ code: "module.exports = null;", moduleType: "js" }) },
  };
}

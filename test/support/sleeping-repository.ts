/** Its example sleeps, in a process of its own whose time is in no other process's command line. Seconds. */
export function sleepingRepository(seconds: string): Record<string, string> {
  return {
    "README.md": `# naps\n\n\`\`\`python\nfrom naps import nap\n\nrested = nap()\nprint(rested)\n\`\`\`\n`,
    "naps.py": `"""Sleeps."""\nimport subprocess\n\n\ndef nap():\n    """Sleep, and count."""\n    subprocess.run(["sleep", "${seconds}"])\n    return 1\n`,
  };
}

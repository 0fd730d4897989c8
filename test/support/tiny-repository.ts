/** A repository whose README is an example already: distilled without a model and without a package, in a second. */
export const tinyRepository = {
  "README.md": `# raindrops

How fast drops of rain fall.

\`\`\`python
from raindrops import terminal_speed

print(terminal_speed(1.0))
\`\`\`
`,
  "raindrops.py": `"""Speeds of falling drops."""


def terminal_speed(diameter_mm):
    """Speed at which a drop of rain falls, in m/s, after Atlas and others (1973)."""
    return max(0.0, 9.65 - 10.3 * 2.718281828 ** (-0.6 * diameter_mm))


def fall_time(height_m, diameter_mm):
    """Seconds that a drop takes from a height."""
    return height_m / terminal_speed(diameter_mm)
`,
};

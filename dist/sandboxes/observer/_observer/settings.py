"""What to observe: the configuration file, and the rule that sorts files by it."""

import json
import os

TARGET = "target"
EXAMPLE = "example"

# A package manager put what is below these: such a file belongs to a distribution and
# not to the folder around it, so only its module name can make it the target's.
_INSTALLATION_FOLDERS = {".venv", "site-packages", "dist-packages"}


class Settings:
    def __init__(self, target_roots, target_modules, example_roots, output, folder="", known_as=""):
        self.output = output
        self._folder = folder
        self._known_as = known_as
        self.target_modules = frozenset(target_modules)
        # The longest root first: the most specific one decides.
        self._roots = sorted(
            [(os.path.realpath(root), EXAMPLE) for root in example_roots]
            + [(os.path.realpath(root), TARGET) for root in target_roots],
            key=lambda entry: (len(entry[0]), entry[1] == TARGET),
            reverse=True,
        )

    def names_target(self, module_name):
        return module_name.partition(".")[0] in self.target_modules

    def kind_of(self, path, module_name):
        """TARGET, EXAMPLE or None for a file at its real path, loaded as that module."""
        for root, kind in self._roots:
            inside = path[len(root.rstrip(os.sep)) :]
            if path.startswith(root) and inside.startswith(os.sep):
                if _INSTALLATION_FOLDERS.isdisjoint(inside.split(os.sep)):
                    return kind
                break
        return TARGET if self.names_target(module_name) else None


    def told(self, path):
        """A path as whoever wrote the settings knows it, where the program runs in another place than it was told."""
        if path is None or not self._known_as or not path.startswith(self._folder + os.sep):
            return path
        return self._known_as + path[len(self._folder) :]


def load_settings(path):
    """Relative paths are below the folder of the file, which `folder` names as its writer knows it."""
    with open(path, "rb") as file:
        values = json.loads(file.read().decode("utf-8"))
    folder = os.path.dirname(os.path.realpath(path))
    return Settings(
        target_roots=[os.path.join(folder, root) for root in values["targetRoots"]],
        target_modules=values["targetModules"],
        example_roots=[os.path.join(folder, root) for root in values["exampleRoots"]],
        output=os.path.join(folder, values["output"]),
        folder=folder,
        known_as=values.get("folder", ""),
    )

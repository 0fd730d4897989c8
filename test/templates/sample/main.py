"""
orbital-elements: two-body orbits from their classical elements

What you see here
    example1(): A first orbit
        taken from README.md, lines 20-36
    example2(): Getting there
        taken from README.md, lines 70-81
    example3(): Ground track of a space station
        taken from examples/iss_ground_track.py

Input
    The elements of the orbit, at the top of each example: kilometres, degrees, seconds.

Output
    results.json    the values that each example computed
    to_save/        figures and files that the examples made
"""
import json
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "source"  # the repository at the commit above
OUTPUT = HERE / "to_save"


def example1():
    """A first orbit (README.md, lines 20-36)."""
    from orbelem import OrbitalElements

    molniya = OrbitalElements.from_degrees(
        semi_major_axis=26600.0, eccentricity=0.74, inclination=63.4,
        raan=40.0, argp=270.0, true_anomaly=0.0,
    )
    print(f"period:    {molniya.period / 3600:.2f} h")
    print(f"periapsis: {molniya.periapsis_altitude:.0f} km")
    print(f"apoapsis:  {molniya.apoapsis_altitude:.0f} km")

    later = molniya.propagate(2 * 3600.0)
    print("two hours later:", later)
    return {"period": molniya.period, "later": str(later)}


def example2():
    """Getting there (README.md, lines 70-81)."""
    # Changed: defines `molniya`, which an earlier block of the README made
    from orbelem import EARTH, OrbitalElements, hohmann_transfer

    molniya = OrbitalElements.from_degrees(26600.0, 0.74, 63.4, 40.0, 270.0, 0.0)
    parking = EARTH.radius + 300.0
    target = EARTH.radius + molniya.apoapsis_altitude
    transfer = hohmann_transfer(parking, target)
    for number, burn in enumerate(transfer.burns, start=1):
        print(f"burn {number}: {1000 * burn:7.1f} m/s")
    return {"parking": parking, "target": target, "burns": list(transfer.burns)}


def example3():
    """Ground track of a space station (examples/iss_ground_track.py)."""
    return run_script("examples/iss_ground_track.py", str(OUTPUT / "example3"))


EXAMPLES = [(example1, SOURCE), (example2, SOURCE), (example3, OUTPUT)]


def main():
    OUTPUT.mkdir(exist_ok=True)
    results = {}
    for example, folder in EXAMPLES:
        os.chdir(str(folder))
        try:
            results[example.__name__] = {"values": example() or {}}
        except KeyboardInterrupt:
            raise
    (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

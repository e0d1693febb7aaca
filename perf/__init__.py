"""The measuring engine: schedules, samples, runs. It knows no threshold and no tournament."""

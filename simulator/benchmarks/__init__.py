"""What `run_sim.py bench` measures, one file a benchmark: `measure(subject, plan) -> Result`."""

"""The benchmarks (`make bench`): figures register themselves in bench_*.py, harness.py measures and reports them."""

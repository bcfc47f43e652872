# The one place that sets where the benchmark data lie; see docs/guides/benchmarks.md for the folders.
benchmark_root = '{{$SIGA_BENCHMARKS:data}}'
# What is done about a set that is not there: 'error', or 'skip' to use what is there.
benchmark_missing = '{{$SIGA_MISSING:error}}'

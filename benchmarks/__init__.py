"""What sentri costs, beside the bare framework and what one writes by hand: `make bench`, or `python -m benchmarks`.

subjects            what is measured: one module a subject, A to E
cases, stage        a case, and what servers need around them: keys, tokens, databases
servers             the programs that are measured, one file each; those written by hand and sentri's
processes, loading, traffic     a server on one core, and the requests that another core sends it
measuring, checking, reporting  rounds in turns, right answers, the table and the JSON
"""

"""What things cost on this machine: `make bench`. Never part of the tests: a busy machine is not a broken one."""

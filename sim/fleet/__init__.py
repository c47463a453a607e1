"""`postomat-sim fleet`: many whole lockers in few processes, against one broker, and a look at the end whether anything was lost."""

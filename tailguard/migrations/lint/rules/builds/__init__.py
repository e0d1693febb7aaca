"""Rules for what CONCURRENTLY needs: each stands for a failure that was reproduced."""

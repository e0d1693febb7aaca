"""A first file of declared scenarios, drafted from what describes or recorded a service."""

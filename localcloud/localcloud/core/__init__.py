"""Settings, policies, role sessions and events shared by the services."""

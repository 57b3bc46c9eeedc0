"""What is handled in the background: heartbeats, dropped connections, health, the index kept in step."""

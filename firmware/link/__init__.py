"""The link: a process between the controller's socket and an MQTT broker. It believes neither, and holds no key that opens a door."""

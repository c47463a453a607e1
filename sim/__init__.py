"""The world around the locker: doors, people, backend; under the wire, never beside the code that ships."""

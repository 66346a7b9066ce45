"""Writes events.bin: two scalars and a version event as TensorBoard's own writer frames and encodes them.

Run with the versions in requirements.txt (Python 3.12): python export.py
"""

from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

with open(Path(__file__).with_name("events.bin"), "wb") as file:
    writer = RecordWriter(file)
    loss, accuracy = [
        Summary.Value(tag=tag, simple_value=value) for tag, value in [("epoch/train_loss", 0.69314718), ("test/accuracy", 0.984)]
    ]
    for event in [
        Event(wall_time=1_700_000_000.25, file_version="brain.Event:2"),
        Event(wall_time=1_700_000_001.5, step=1, summary=Summary(value=[loss, accuracy])),
        Event(wall_time=1_700_000_002.0, step=300, summary=Summary(value=[loss])),
    ]:
        writer.write(event.SerializeToString(deterministic=True))
    writer.flush()

"""The recorders."""

from pikos.recorders.abstract_recorder import AbstractRecorder, RecorderError
from pikos.recorders.csv_file_recorder import CSVFileRecorder
from pikos.recorders.csv_recorder import CSVRecorder
from pikos.recorders.list_recorder import ListRecorder
from pikos.recorders.parquet_file_recorder import ParquetFileRecorder
from pikos.recorders.text_file_recorder import TextFileRecorder
from pikos.recorders.text_stream_recorder import TextStreamRecorder
from pikos.recorders.trace_file_recorder import TraceFileRecorder
from pikos.recorders.zeromq_recorder import ZeroMQRecorder

__all__ = [
    "AbstractRecorder",
    "CSVFileRecorder",
    "CSVRecorder",
    "ListRecorder",
    "ParquetFileRecorder",
    "RecorderError",
    "TextFileRecorder",
    "TextStreamRecorder",
    "TraceFileRecorder",
    "ZeroMQRecorder",
]

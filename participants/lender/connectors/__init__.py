"""
Sources of raw rows: CSV and Parquet files and SQL databases, each a stream of batches; the beginning of a load.

A connector knows its format and nothing of what the rows mean. It holds one batch in memory, whatever the size of the
source, and says so when the source ends other than at its end.
"""

from participants.lender.connectors.csv_file import CsvSource
from participants.lender.connectors.parquet_file import ParquetSource
from participants.lender.connectors.source import BATCH_ROWS, OpenTable, Source
from participants.lender.connectors.sql_query import SqlSource, query_of_table, query_of_text

__all__ = [
    "BATCH_ROWS",
    "CsvSource",
    "OpenTable",
    "ParquetSource",
    "Source",
    "SqlSource",
    "query_of_table",
    "query_of_text",
]

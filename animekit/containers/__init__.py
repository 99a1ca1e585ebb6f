"""Pictures in other people's containers: Parquet files and WebDataset shards."""

package org.sparkqwen.job.spark;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.Partition;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.datasources.FilePartition;
import org.apache.spark.sql.execution.datasources.PartitionedFile;
import org.jspecify.annotations.Nullable;

/// Spark's scan of files, with one split of a file for each partition.
///
/// Spark packs splits into partitions by the number of cores. With these settings each partition is one split, the same
/// on every cluster, and says which split it is.
///
/// @param rows the rows of the partitions
/// @param splits the split of each partition; null if the rows do not lie in files, or if their source does not name
///     them
public record FileScan(InternalRows rows, @Nullable List<FileSplit> splits) {

    /// A split of a file.
    ///
    /// @param path the file
    /// @param start where the split begins in the file, in bytes
    /// @param length how many bytes it has
    /// @param fileBytes the size of the file
    /// @param modified when the file was modified, in milliseconds since 1970
    public record FileSplit(String path, long start, long length, long fileBytes, long modified) {}

    /// Plans a scan. The session of `rows` keeps its settings, see [SessionCopy].
    ///
    /// @param splitBytes the size of a split, such as `32m`
    public static FileScan plan(Dataset<Row> rows, String splitBytes) {
        RDD<InternalRow> scan = SessionCopy.plan(
                rows,
                Map.of(
                        "spark.sql.files.maxPartitionBytes",
                        splitBytes,
                        "spark.sql.files.openCostInBytes",
                        splitBytes,
                        "spark.sql.files.minPartitionNum",
                        "1",
                        "spark.sql.files.maxPartitionNum",
                        Integer.toString(Integer.MAX_VALUE)));
        return new FileScan(new InternalRows(scan), splits(scan.partitions()));
    }

    private static @Nullable List<FileSplit> splits(Partition[] partitions) {
        List<FileSplit> splits = new ArrayList<>();
        for (Partition partition : partitions) {
            if (!(partition instanceof FilePartition files) || files.files().length != 1) {
                return null;
            }
            PartitionedFile file = files.files()[0];
            splits.add(new FileSplit(
                    file.toPath().toString(), file.start(), file.length(), file.fileSize(), file.modificationTime()));
        }
        return splits;
    }
}

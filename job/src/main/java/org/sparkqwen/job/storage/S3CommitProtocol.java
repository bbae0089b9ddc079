package org.sparkqwen.job.storage;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.mapreduce.OutputCommitter;
import org.apache.hadoop.mapreduce.TaskAttemptContext;
import org.apache.hadoop.mapreduce.lib.output.PathOutputCommitter;
import org.apache.hadoop.mapreduce.lib.output.PathOutputCommitterFactory;
import org.apache.spark.internal.io.FileNameSpec;
import org.apache.spark.internal.io.HadoopMapReduceCommitProtocol;
import org.jspecify.annotations.Nullable;
import scala.Option;

/// Commits files of every format to `s3a:`, where a rename is a copy, with the committer that Hadoop has for the store.
/// That is the magic committer, unless `fs.s3a.committer.name` says otherwise. Tasks upload their files to their final
/// places, and the uploads are completed when the job is committed. Before that no reader sees them.
///
/// Spark's own module for this, spark-hadoop-cloud, does the same and is not published for Spark 4.2. See
/// docs/decisions/0015-s3.md.
public final class S3CommitProtocol extends HadoopMapReduceCommitProtocol {
    private static final long serialVersionUID = 1L;

    private final String output;
    private transient @Nullable PathOutputCommitter committer;

    /// Creates the protocol. Called by Spark, through reflection.
    ///
    /// @param replacesPartitions whether the write replaces the partitions to which it writes, which no job here
    ///     does
    public S3CommitProtocol(String jobId, String output, boolean replacesPartitions) {
        super(jobId, output, replacesPartitions);
        this.output = output;
    }

    @Override
    public OutputCommitter setupCommitter(TaskAttemptContext context) {
        try {
            committer = PathOutputCommitterFactory.createCommitter(new Path(output), context);
            return committer;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Returns the path to which a task writes a file. Spark's own protocol asks only committers that rename for
    /// their directory.
    @Override
    public String newTaskTempFile(TaskAttemptContext context, Option<String> directory, FileNameSpec name) {
        if (committer == null) {
            throw new IllegalStateException("a file before the task was set up");
        }
        try {
            Path work = committer.getWorkPath();
            Path parent = directory.isDefined() ? new Path(work, directory.get()) : work;
            return new Path(parent, getFilename(context, name)).toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

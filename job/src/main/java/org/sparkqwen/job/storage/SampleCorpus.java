package org.sparkqwen.job.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;

/// The documents that come with the project. They are read without Spark.
public final class SampleCorpus {
    private static final String CORPUS = "corpus.parquet";

    /// The value of the column `condition` for English documents that are not damaged.
    private static final String WHOLE = "whole";

    private SampleCorpus() {}

    /// Returns the texts of the whole English documents, in the order of the file.
    ///
    /// @throws Refusal if this is not the project's directory, or if the file cannot be read
    public static List<String> texts() {
        Path file = SampleModel.directory().resolveSibling(CORPUS);
        if (!Files.exists(file)) {
            throw Refusal.usage("the sample documents are not here (%s)".formatted(file.toAbsolutePath()));
        }
        List<String> texts = new ArrayList<>();
        try (ParquetReader<Group> rows = ParquetReader.builder(
                        new GroupReadSupport(), new org.apache.hadoop.fs.Path(file.toUri()))
                .build()) {
            for (Group row = rows.read(); row != null; row = rows.read()) {
                if (row.getString("condition", 0).equals(WHOLE)) {
                    texts.add(row.getString("text", 0));
                }
            }
        } catch (IOException e) {
            throw Refusal.failure("%s cannot be read: %s".formatted(file, Failures.firstLine(e)));
        }
        return texts;
    }
}

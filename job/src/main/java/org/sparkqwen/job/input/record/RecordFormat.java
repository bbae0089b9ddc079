package org.sparkqwen.job.input.record;

import java.io.InputStream;
import java.io.Serializable;
import java.nio.charset.Charset;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.StructType;

/// A format of text files whose records this project cuts and checks itself, because Spark's readers change or leave
/// out what they do not understand: JSON and CSV. Values are made by Spark's own parsers all the same.
public sealed interface RecordFormat extends Serializable permits JsonFormat, CsvFormat {
    /// Whether a record may have several lines. Then a file cannot be divided.
    boolean multiLine();

    Charset charset();

    /// What happens to a record that has a problem.
    Mode mode();

    /// The column that holds a record with a problem as it stands, if the schema has that column.
    String corruptColumn();

    /// Finds the columns.
    ///
    /// @param records of all files, each as a string
    StructType infer(Dataset<String> records);

    /// This format with the columns that [#infer] found.
    RecordFormat with(StructType columns, Dataset<String> records);

    /// Cuts a file.
    ///
    /// @param file in UTF-8
    Iterator<InputRecord> cut(InputStream file);

    /// A parser, for one task, of a file's piece.
    ///
    /// @param read the columns to read
    /// @param beginning whether the piece is the file's first
    Parser parser(StructType read, boolean beginning);

    /// As Spark names them.
    enum Mode {
        PERMISSIVE,
        DROPMALFORMED,
        FAILFAST
    }

    /// Makes rows of records.
    interface Parser {
        /// The rows of a record: most have one, a blank line none, a JSON array many.
        List<ParsedRecord> parse(InputRecord record);
    }
}

package org.sparkqwen.job.input.record;

import java.io.InputStream;
import java.io.Serializable;
import java.nio.charset.Charset;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.StructType;

/// A format of text files whose records this project cuts and checks itself: JSON or CSV. Spark's readers change or
/// leave out what they do not understand. Spark's own parsers still make the values.
public sealed interface RecordFormat extends Serializable permits JsonFormat, CsvFormat {
    /// Returns whether a record may have several lines. In that case a file cannot be divided.
    boolean multiLine();

    Charset charset();

    /// Returns how a record with a problem is handled.
    Mode mode();

    /// Returns the name of the column that holds a record with a problem unchanged, if the schema has that column.
    String corruptColumn();

    /// Finds the columns.
    ///
    /// @param records the records of all files, each as a string
    StructType infer(Dataset<String> records);

    /// Returns this format with the columns that [#infer] found.
    RecordFormat with(StructType columns, Dataset<String> records);

    /// Cuts a file into records.
    ///
    /// @param file the file's bytes, in UTF-8
    Iterator<InputRecord> cut(InputStream file);

    /// Returns a parser for a part of a file, for one task.
    ///
    /// @param read the columns to read
    /// @param beginning whether the part is the file's first
    Parser parser(StructType read, boolean beginning);

    /// The modes of Spark's readers.
    enum Mode {
        PERMISSIVE,
        DROPMALFORMED,
        FAILFAST
    }

    /// Parses records to rows.
    interface Parser {
        /// Returns the rows of a record. Most records have one, a blank line none, and a JSON array many.
        List<ParsedRecord> parse(InputRecord record);
    }
}

package org.sparkqwen.job.columns;

import java.io.Serializable;
import java.util.List;
import java.util.function.Consumer;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.request.Content;

/// Where the prompt of a row comes from: a column ([ContentColumn]), several ([PromptTemplate]), or a conversation
/// ([ChatPrompt]).
public sealed interface PromptSource extends Serializable permits ContentColumn, PromptTemplate, ChatPrompt {
    /// Refuses an input that lacks a column, or has one of a type that will not do.
    void checkIn(StructType input);

    /// The columns that [#read] expects.
    List<Column> columns(StructType input);

    /// How many tokens a prompt has, about; null where the row has none.
    Column estimatedTokens(StructType input);

    /// A row's prompt; [Content.Unreadable] where there is none.
    ///
    /// @param first index of the first of the columns
    Content read(Row row, int first);

    /// The same.
    ///
    /// @param notes takes what a person should know of a row that can be read all the same
    default Content read(Row row, int first, Consumer<String> notes) {
        return read(row, first);
    }
}

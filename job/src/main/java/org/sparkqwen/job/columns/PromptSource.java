package org.sparkqwen.job.columns;

import java.io.Serializable;
import java.util.List;
import java.util.function.Consumer;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.request.Content;

/// The source of a row's prompt: a column ([ContentColumn]), several columns ([PromptTemplate]), a conversation
/// ([ChatPrompt]), or a query and a document ([RerankerPrompt]).
public sealed interface PromptSource extends Serializable
        permits ContentColumn, PromptTemplate, ChatPrompt, RerankerPrompt {
    /// Refuses an input that lacks a column, or has one of an unsuitable type.
    void checkIn(StructType input);

    /// Selects the columns that [#read] expects.
    List<Column> columns(StructType input);

    /// Estimates how many tokens a prompt has; null where the row has none.
    Column estimatedTokens(StructType input);

    /// Reads a row's prompt; [Content.Unreadable] where there is none.
    ///
    /// @param first the index of the first of the columns
    Content read(Row row, int first);

    /// Reads a row's prompt, and notes what a person should know of it.
    ///
    /// @param notes receives remarks about a row that can be read all the same
    default Content read(Row row, int first, Consumer<String> notes) {
        return read(row, first);
    }
}

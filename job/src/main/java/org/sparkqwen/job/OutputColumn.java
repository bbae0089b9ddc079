package org.sparkqwen.job;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.executor.Outcome;

/// A column that a job adds to a row: its name, its type, and the function that makes its value.
///
/// Each job has one list of its columns. The schema, the output rows and the rows with errors follow from that list.
///
/// @param <R> the type of the job's results
/// @param value makes the value, in the form that Spark's `Row` has for the type
record OutputColumn<R>(String name, DataType type, Value<Outcome<R>> value) implements Serializable {
    /// Makes a value on an executor.
    interface Value<T> extends Serializable {
        @Nullable
        Object of(T from);
    }

    /// Returns a column whose value comes from the result. It is null in a rejected row.
    static <R> OutputColumn<R> ofResult(String name, DataType type, Value<R> value) {
        return new OutputColumn<>(
                name,
                type,
                outcome -> outcome instanceof Outcome.Finished<R> finished ? value.of(finished.result()) : null);
    }

    /// Returns this column for results that have its result as a part.
    ///
    /// @param <S> the type of those results
    /// @param part finds the part
    <S> OutputColumn<S> of(Part<S, R> part) {
        return new OutputColumn<>(
                name,
                type,
                outcome -> value.of(
                        switch (outcome) {
                            case Outcome.Finished<S> finished ->
                                new Outcome.Finished<>(finished.row(), finished.sample(), part.of(finished.result()));
                            case Outcome.Rejected<S> rejected ->
                                new Outcome.Rejected<>(rejected.row(), rejected.sample(), rejected.reason());
                        }));
    }

    /// Finds a part of a result, on an executor.
    interface Part<S, R> extends Serializable {
        R of(S whole);
    }

    /// Returns a column with a label, which every row has.
    static <R> OutputColumn<R> label(String name, String label) {
        return new OutputColumn<>(name, DataTypes.StringType, _ -> label);
    }

    /// Returns the column with the label of the model, which every row has.
    static <R> OutputColumn<R> model(String label) {
        return new OutputColumn<>("model", DataTypes.StringType, _ -> label);
    }

    /// Returns the column that says why a row was rejected.
    static <R> OutputColumn<R> error() {
        return new OutputColumn<>(
                "error",
                DataTypes.StringType,
                outcome -> outcome instanceof Outcome.Rejected<R> rejected ? rejected.reason() : null);
    }

    /// Returns the columns as Spark's schema.
    static <R> StructType schema(List<OutputColumn<R>> columns) {
        StructType schema = new StructType();
        for (OutputColumn<R> column : columns) {
            schema = schema.add(column.name(), column.type());
        }
        return schema;
    }

    /// Returns a value for each column.
    static <R> @Nullable Object[] values(List<OutputColumn<R>> columns, Outcome<R> outcome) {
        @Nullable Object[] values = new @Nullable Object[columns.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = columns.get(i).value().of(outcome);
        }
        return values;
    }

    /// Returns token ids in the form that Spark's `Row` has for an array of integers.
    static Integer[] boxed(int[] ids) {
        Integer[] boxed = new Integer[ids.length];
        for (int i = 0; i < ids.length; i++) {
            boxed[i] = ids[i];
        }
        return boxed;
    }
}

package org.sparkqwen.job;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.types.DataTypes;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.job.executor.ComparedScore;

/// The columns of a scored row that a reference model adds.
final class ReferenceColumns {
    private ReferenceColumns() {}

    /// Returns the columns of a run without a reference model, and behind them those that it adds.
    ///
    /// @param label the reference model's label
    /// @param tokens whether the columns of tokens are filled
    static List<OutputColumn<ComparedScore>> of(List<OutputColumn<Result.Scored>> plain, String label, boolean tokens) {
        List<OutputColumn<ComparedScore>> columns = new ArrayList<>();
        plain.forEach(column -> columns.add(column.of(ComparedScore::scored)));
        columns.add(OutputColumn.ofResult(
                "reference_nll", DataTypes.DoubleType, compared -> known(compared.referenceNll())));
        columns.add(OutputColumn.ofResult("excess_nll", DataTypes.DoubleType, compared -> known(compared.excessNll())));
        columns.add(OutputColumn.ofResult(
                "token_reference_logprobs",
                DataTypes.createArrayType(DataTypes.FloatType),
                compared -> tokens ? ScoreJob.boxed(compared.reference().score().tokenLogProbabilities()) : null));
        columns.add(OutputColumn.ofResult(
                "token_excess_nll",
                DataTypes.createArrayType(DataTypes.FloatType),
                compared -> tokens ? ScoreJob.boxed(compared.tokenExcess()) : null));
        columns.add(OutputColumn.label("reference_model", label));
        return List.copyOf(columns);
    }

    /// Returns a mean, or null if no token was scored.
    private static @Nullable Double known(double mean) {
        return Double.isNaN(mean) ? null : mean;
    }
}

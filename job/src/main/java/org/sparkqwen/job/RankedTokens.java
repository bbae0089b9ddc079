package org.sparkqwen.job;

import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.sampling.RankedToken;

/// The values of a column `top_logprobs`: the most likely tokens at each position of a text.
final class RankedTokens {
    private static final StructType RANKED =
            new StructType().add("token_id", DataTypes.IntegerType).add("logprob", DataTypes.FloatType);

    static final DataType TYPE = DataTypes.createArrayType(DataTypes.createArrayType(RANKED));

    private RankedTokens() {}

    /// Returns the tokens in the form that Spark's `Row` has for [#TYPE], with null for a position without any.
    static Row @Nullable [][] rows(List<List<RankedToken>> positions) {
        Row @Nullable [][] rows = new Row @Nullable [positions.size()][];
        for (int i = 0; i < rows.length; i++) {
            List<RankedToken> tokens = positions.get(i);
            rows[i] = tokens.isEmpty()
                    ? null
                    : tokens.stream()
                            .map(token -> RowFactory.create(token.token(), (float) token.logProbability()))
                            .toArray(Row[]::new);
        }
        return rows;
    }
}

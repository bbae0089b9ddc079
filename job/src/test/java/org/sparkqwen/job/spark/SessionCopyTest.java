package org.sparkqwen.job.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.types.DataTypes;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.LocalSpark;
import scala.jdk.javaapi.CollectionConverters;

/// Planning with settings that the user's session does not have.
class SessionCopyTest {
    private static final String SPLIT = "spark.sql.files.maxPartitionBytes";
    private static final Map<String, String> SMALL_SPLITS =
            Map.of(SPLIT, "400", "spark.sql.files.openCostInBytes", "400", "spark.sql.files.minPartitionNum", "1");

    @TempDir
    private Path directory = Path.of("");

    private final SparkSession session = LocalSpark.session().newSession();

    @BeforeEach
    void writeThreeFiles() {
        session.range(0, 300, 1, 3).write().parquet(files());
    }

    private String files() {
        return directory.resolve("numbers").toString();
    }

    private int partitionsInTheSession() {
        return session.read().parquet(files()).javaRDD().getNumPartitions();
    }

    /// An optimizer rule, which Spark calls in the midst of planning, looks at the user's session.
    @Test
    void theSessionKeepsItsSettingsWhileACopyPlans() {
        session.conf().set(SPLIT, "77m");
        int partitions = partitionsInTheSession();
        Map<String, String> settings = settings(session);
        List<Map<String, String>> during = new ArrayList<>();
        List<String> ofCopy = new ArrayList<>();
        List<Integer> ofOtherQuery = new ArrayList<>();
        Rule<LogicalPlan> look = new Rule<>() {
            @Override
            public LogicalPlan apply(LogicalPlan plan) {
                SparkSession active = SparkSession.active();
                if (!active.equals(session) && during.isEmpty()) {
                    during.add(settings(session));
                    ofCopy.add(active.conf().get(SPLIT));
                    ofOtherQuery.add(CompletableFuture.supplyAsync(SessionCopyTest.this::partitionsInTheSession)
                            .join());
                }
                return plan;
            }
        };
        ((org.apache.spark.sql.classic.SparkSession) session)
                .experimental()
                .extraOptimizations_$eq(
                        CollectionConverters.asScala(List.of(look)).toSeq());
        RDD<InternalRow> planned = SessionCopy.plan(session.read().parquet(files()), SMALL_SPLITS);

        assertThat(planned.getNumPartitions()).isGreaterThan(3).isGreaterThan(partitions);
        assertThat(during).containsExactly(settings);
        assertThat(ofCopy).containsExactly("400");
        assertThat(ofOtherQuery).containsExactly(partitions);
        assertThat(settings(session)).isEqualTo(settings);
    }

    @Test
    void viewsAndFunctionsOfTheSessionAreFound() {
        session.udf().register("twice", (Long value) -> 2 * value, DataTypes.LongType);
        session.read().parquet(files()).createOrReplaceTempView("numbers");
        Dataset<Row> rows = session.sql("select twice(id) as id from numbers where id < 5");
        Dataset<Row> planned = new InternalRows(SessionCopy.plan(rows, SMALL_SPLITS)).dataset(session, rows.schema());
        assertThat(LocalSpark.sorted(planned))
                .isEqualTo(LocalSpark.sorted(rows))
                .hasSize(5);
    }

    @Test
    void aCopyReadsWithItsOwnSettings() {
        session.range(3).createOrReplaceTempView("three");
        SparkSession copy = SessionCopy.with(session, Map.of("spark.sql.caseSensitive", "true"));
        assertThat(copy.conf().get("spark.sql.caseSensitive")).isEqualTo("true");
        assertThat(session.conf().get("spark.sql.caseSensitive")).isEqualTo("false");
        assertThat(copy.table("three").count()).isEqualTo(3);
    }

    private static Map<String, String> settings(SparkSession session) {
        return CollectionConverters.asJava(session.conf().getAll());
    }
}

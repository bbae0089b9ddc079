package org.sparkqwen.job.sql;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.cli.JobOptions;
import org.sparkqwen.job.cli.ModelChoice;
import org.sparkqwen.job.model.ModelReference;

/// The models that queries of a session have opened, and the jobs that they have prepared. A model is opened,
/// fingerprinted and distributed when the first query that needs it is executed, and later queries share it.
///
/// Sessions that Spark makes from one, such as those of Spark Connect's clients, share its models.
final class SessionJobs {
    /// The most jobs that are kept, however many options queries vary.
    private static final int MOST = 64;

    @GuardedBy("this")
    private final Map<ModelChoice, ModelReference> models = new HashMap<>();

    @GuardedBy("this")
    private final Map<Key, Work> prepared = new LinkedHashMap<>(16, 0.75f, true);

    private record Key(JobFunction function, Map<String, List<String>> options, List<String> columns) {}

    /// Returns the job of a call, prepared for tasks. Other queries wait meanwhile, because most need the same
    /// model.
    ///
    /// @param columns the columns that pass through; empty for all
    synchronized Work prepared(JobCall call, List<String> columns, SparkSession session) {
        Key key = new Key(call.function(), call.options(), columns);
        Work known = prepared.get(key);
        if (known != null) {
            return known;
        }
        Work work = JobOptions.parse(call.function().job(), call.options())
                .work(columns, session.sparkContext().conf(), choice -> model(choice, session));
        work.prepare(session);
        prepared.put(key, work);
        if (prepared.size() > MOST) {
            prepared.remove(prepared.keySet().iterator().next()); // queries that run hold on to theirs
        }
        return work;
    }

    private synchronized ModelReference model(ModelChoice choice, SparkSession session) {
        ModelReference known = models.get(choice);
        if (known != null) {
            return known;
        }
        ModelReference opened =
                choice.open(() -> session.sparkContext().conf()).distribute(choice.distribution(), session);
        models.put(choice, opened);
        return opened;
    }
}

package org.sparkqwen.job.spark;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkContext$;
import org.apache.spark.resource.ResourceInformation;
import scala.Option;

/// Local mode of Spark, in which tasks run in the driver's process. The master is then `local`, `local[4]` or
/// `local[*,3]`. With `local-cluster[2,1,1024]`, executors are processes of their own, so it is not local mode.
public final class LocalMode {
    /// A master of local mode. Its second number says how often a task is tried.
    private static final Pattern LOCAL = Pattern.compile("local(\\[[^,\\]]*(,\\s*(?<tries>\\d+)\\s*)?])?");

    private LocalMode() {}

    /// Returns whether `conf` is that of a driver in local mode.
    public static boolean isIn(SparkConf conf) {
        return master(conf).matches();
    }

    /// Returns how often Spark tries a task before the job fails. Local mode does not obey
    /// `spark.task.maxFailures`.
    public static int taskTries(SparkConf conf) {
        Matcher local = master(conf);
        if (!local.matches()) {
            return conf.getInt("spark.task.maxFailures", 4);
        }
        String tries = local.group("tries");
        return tries == null ? 1 : Integer.parseInt(tries);
    }

    /// Returns whether this process is a driver in local mode.
    public static boolean isInThisProcess() {
        Option<SparkContext> context = SparkContext$.MODULE$.getActive();
        return context.isDefined() && isIn(context.get().conf());
    }

    /// Returns the addresses of a resource that this driver has, such as `0` and `1`; empty if it has none.
    public static List<String> addresses(String resource) {
        Option<SparkContext> context = SparkContext$.MODULE$.getActive();
        if (context.isEmpty()) {
            return List.of();
        }
        Option<ResourceInformation> found = context.get().resources().get(resource);
        return found.isEmpty() ? List.of() : List.of(found.get().addresses());
    }

    private static Matcher master(SparkConf conf) {
        return LOCAL.matcher(conf.get("spark.master", ""));
    }
}

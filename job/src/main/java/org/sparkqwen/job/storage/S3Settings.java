package org.sparkqwen.job.storage;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.mapred.JobConf;
import org.apache.spark.SparkConf;
import org.sparkqwen.engine.message.Redaction;
import org.sparkqwen.job.failure.Refusal;

/// The settings of a run for paths on `s3a:`, where neither Spark's configuration nor the cluster's core-site.xml has
/// them. `conf/s3.conf` has more, with explanations.
public final class S3Settings {
    static final String SCHEME = "s3a";

    private static final String PROTOCOL = "spark.sql.sources.commitProtocolClass";

    /// The prefix of Spark's properties for Hadoop.
    private static final String HADOOP = "spark.hadoop.";

    /// The providers of credentials. Hadoop's own list lacks `~/.aws` and Kubernetes' service accounts.
    private static final List<String> CREDENTIALS = List.of(
            "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider",
            "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
            "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider",
            "software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider",
            "software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider",
            "org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider");

    /// The pattern `s3a://key:secret@bucket`, as in old versions of Hadoop. A bucket's name has neither colon nor
    /// at sign.
    private static final Pattern WITH_CREDENTIALS = Pattern.compile("(?i)s3[an]?://[^/]*[:@].*", Pattern.DOTALL);

    private S3Settings() {}

    /// @param output the directory to which the run writes
    public static void complete(SparkConf conf, Path output) {
        Configuration cluster = new JobConf();
        setUnlessChosen(conf, cluster, "fs.s3a.aws.credentials.provider", String.join(",", CREDENTIALS));
        if (SCHEME.equals(output.toUri().getScheme())) {
            setUnlessChosen(conf, cluster, "fs.s3a.committer.name", "magic");
            conf.setIfMissing(PROTOCOL, S3CommitProtocol.class.getName());
        }
    }

    /// Returns whether a session writes to a directory exactly once: one that does not lie on `s3a:`, or for which
    /// a commit protocol is set.
    public static boolean isPreparedFor(Path output, SparkConf conf) {
        return !SCHEME.equals(output.toUri().getScheme()) || conf.contains(PROTOCOL);
    }

    /// @param cluster Hadoop's configuration from the class path
    private static void setUnlessChosen(SparkConf conf, Configuration cluster, String key, String value) {
        String[] sources = cluster.getPropertySources(key);
        if (sources == null || Arrays.stream(sources).allMatch("core-default.xml"::equals)) {
            conf.setIfMissing(HADOOP + key, value);
        }
    }

    /// Refuses credentials in a path, because it is printed, logged and written to the output.
    ///
    /// @param option the option whose value the path is
    public static void refuseCredentials(String option, String path) {
        if (WITH_CREDENTIALS.matcher(path).matches()) {
            throw Refusal.usage("%s has credentials in its path, where anyone can read them; leave them out and set the"
                            .formatted(option)
                    + " environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or see docs/s3.md");
        }
        if (Redaction.hasPassword(path)) {
            throw Refusal.usage("%s has a password in its path, which Spark shows and stores; leave it out and set it"
                            .formatted(option)
                    + " in the configuration of its file system, such as --conf spark.hadoop.fs.ftp.password.HOST");
        }
    }
}

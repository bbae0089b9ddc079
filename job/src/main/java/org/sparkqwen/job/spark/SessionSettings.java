package org.sparkqwen.job.spark;

import java.util.Map;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.internal.SQLConf;
import scala.jdk.javaapi.CollectionConverters;

/// The settings that a session had at some time, so that it can have them again. Among them are those that Spark lets a
/// builder add to an open session, but that it lets nobody change.
public final class SessionSettings {
    private final SQLConf conf;
    private final Map<String, String> before;

    private SessionSettings(SQLConf conf) {
        this.conf = conf;
        before = all();
    }

    /// Remembers the settings of a session.
    public static SessionSettings of(org.apache.spark.sql.SparkSession session) {
        return new SessionSettings(((SparkSession) session).sessionState().conf());
    }

    /// Gives the session the remembered settings again, and no others.
    public void restore() {
        all().forEach((key, value) -> {
            String old = before.get(key);
            if (old == null) {
                conf.unsetConf(key);
            } else if (!old.equals(value)) {
                conf.setConfString(key, old);
            }
        });
    }

    private Map<String, String> all() {
        return CollectionConverters.asJava(conf.getAllConfs());
    }
}

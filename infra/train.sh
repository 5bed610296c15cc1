#!/usr/bin/env bash
# Train a model on Vertex AI and publish it as a new version that is not promoted.
#
#   infra/train.sh [--image IMAGE] [--set TABLE.KEY=VALUE]… [--wait] [--dry-run] [--help]
#
#   --image IMAGE           train with this image; default: build one from this working tree first
#   --set TABLE.KEY=VALUE   override a value of the configuration TRAIN_CONFIG
#   --wait                  show the job's log until it ends
#
# Machines, accelerator, configuration and data set are set in infra/settings.sh. infra/releases.sh
# shows the new version once it is published; infra/promote.sh makes it the current one (the first
# time before the function exists: infra/deploy_function.sh --first then deploys it).
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

image=''
wait=0
overrides=()
while (($#)); do
  case $1 in
    --image)
      image=${2-}
      [[ $image =~ ^[a-z0-9./_-]+([:@][A-Za-z0-9:._-]+)?$ ]] || wrong_argument "--image '$image'"
      shift
      ;;
    --set)
      [[ ${2-} =~ ^[a-z_.]+=.+$ ]] || wrong_argument "--set '${2-}'"
      overrides+=(--set "$2")
      shift
      ;;
    --wait) wait=1 ;;
    *) parse_common "$1" || wrong_argument "$1" ;;
  esac
  shift
done
check_settings DATA_URI

engine=tensorflow
if ((TRAIN_WORKERS > 1)) || [[ -n $TRAIN_ACCELERATOR && $TRAIN_ACCELERATOR_COUNT != 1 ]]; then
  engine=jax
fi
if [[ -z $image ]]; then
  stamp=$(date -u +%Y%m%d-%H%M%S)
  image=$TRAIN_IMAGE:$stamp
  commit=$(git -C "$repository_folder" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
  # The same build as the trigger's, without its last step.
  cloud builds submit "$repository_folder" --region="$REGION" \
    --config="$infra_folder/cloudbuild.train.yaml" \
    --gcs-source-staging-dir="gs://$BUILD_BUCKET/source" \
    --service-account="projects/$PROJECT/serviceAccounts/$BUILD_ACCOUNT" \
    --substitutions="_REGION=$REGION,_IMAGE=$image,_CACHE=$TRAIN_IMAGE:cache,_COMMIT=$commit,_ACCELERATOR=$TRAIN_ACCELERATOR,_ENGINE=$engine,_START=no"
fi

pool="machine-type=$TRAIN_MACHINE,container-image-uri=$image"
if [[ -n $TRAIN_ACCELERATOR ]]; then
  pool+=",accelerator-type=$TRAIN_ACCELERATOR,accelerator-count=$TRAIN_ACCELERATOR_COUNT"
fi
# The first pool is the chief, which publishes; the second has the other workers.
pools=(--worker-pool-spec="$pool,replica-count=1")
if ((TRAIN_WORKERS > 1)); then
  pools+=(--worker-pool-spec="$pool,replica-count=$((TRAIN_WORKERS - 1))")
fi
# No --promote: the job could not move the pointer anyway (infra/bootstrap.sh, accounts).
arguments=(run --config "$TRAIN_CONFIG" --data "$DATA_URI" --store "$STORE" "${overrides[@]}")
joined=$(printf ';%s' "${arguments[@]}")
name=$SERVICE-$TRAIN_CONFIG-$(date -u +%Y%m%d-%H%M%S)
job=$(ask "projects/$PROJECT/locations/$REGION/customJobs/JOB" \
  ai custom-jobs create --region="$REGION" --display-name="$name" \
  "${pools[@]}" --args="^;^${joined#;}" \
  --service-account="$TRAINING_ACCOUNT" --format='value(name)')
say "$job"
say 'what serves stays as it is; infra/promote.sh changes it'
if ((wait)); then
  cloud ai custom-jobs stream-logs "${job##*/}" --region="$REGION"
fi

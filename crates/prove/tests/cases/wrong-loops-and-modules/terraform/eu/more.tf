locals {
  nets = [for net in var.nets : net.cidr]
}

module "bastion" {
  source = "./bastion"
}

data "aws_vpc" "other" {
  default = true
}

resource "aws_security_group_rule" "more" {
  type              = "ingress"
  security_group_id = aws_security_group.db.id
  protocol          = "tcp"
  from_port         = 5432
  to_port           = 5432
  cidr_blocks       = local.nets
}

resource "aws_security_group" "many" {
  vpc_id = aws_vpc.shop.id

  dynamic "ingress" {
    for_each = var.ports
    content {}
  }
}
